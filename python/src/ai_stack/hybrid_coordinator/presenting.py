"""Sources as the interface shows them."""

from ai_stack.hybrid_coordinator.prompt import Placed
from ai_stack.hybrid_coordinator.schemas import Source


def source_of(placed: Placed) -> Source:
    """Describe a source of a prompt."""
    candidate = placed.fused.candidate
    return Source(
        number=placed.number,
        id=candidate.id,
        service=candidate.service,
        collection=candidate.collection,
        path=candidate.path,
        title=candidate.title,
        heading=candidate.heading,
        score=round(placed.fused.score, 6),
        similarity=None if candidate.similarity is None else round(candidate.similarity, 6),
        found_by=list(placed.fused.found_by),
        tokens=placed.tokens,
        excerpt=placed.excerpt,
    )
