"""Pages of search results as they are answered."""

from ai_stack.aidb.lexicon import Wanted
from ai_stack.aidb.search import Hit, Page
from ai_stack.aidb.search_schemas import (
    Highlight,
    HitExplanation,
    SearchExplanation,
    SearchHit,
    SearchRequest,
    SearchResult,
    VectorSearchRequest,
    WantedWord,
)

DIGITS = 6


def result(
    request: VectorSearchRequest | SearchRequest,
    page: Page,
    wanted: Wanted | None,
    *,
    seconds: float,
    mode: str,
    degraded: bool,
) -> SearchResult:
    """Return the answer to a request."""
    return SearchResult.model_validate(
        {
            "results": [_hit(hit, explain=request.explain) for hit in page.hits],
            "total": page.total,
            "offset": request.offset,
            "limit": request.limit,
            "has_more": request.offset + len(page.hits) < page.total,
            "query_time_ms": round(seconds * 1000, 3),
            "mode": mode,
            "degraded": degraded,
            "corrections": dict(wanted.corrections) if wanted else {},
            "explanation": _explanation(wanted) if request.explain and wanted else None,
        }
    )


def _explanation(wanted: Wanted) -> SearchExplanation:
    return SearchExplanation(
        words=[
            WantedWord(word=word.lexeme, chunks=word.chunks, weight=round(word.weight, DIGITS)) for word in wanted.words
        ],
        unknown_words=list(wanted.unknown),
    )


def _hit(hit: Hit, *, explain: bool) -> SearchHit:
    return SearchHit(
        id=hit.id,
        document_id=hit.document_id,
        chunk_id=hit.id,
        position=hit.position,
        project=hit.project,
        path=hit.path,
        relative_path=hit.path,
        title=hit.title,
        heading=hit.heading,
        content=hit.content,
        highlights=[Highlight(start=start, end=end) for start, end in hit.highlights],
        score=round(hit.score, DIGITS),
        distance=hit.distance,
        metadata=hit.metadata,
        explanation=HitExplanation(
            keyword_rank=hit.keyword_rank,
            keyword_score=None if hit.keyword_score is None else round(hit.keyword_score, DIGITS),
            vector_rank=hit.vector_rank,
            vector_score=None if hit.distance is None else round(1 - hit.distance, DIGITS),
        )
        if explain
        else None,
    )
