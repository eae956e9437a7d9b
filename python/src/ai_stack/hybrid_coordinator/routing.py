"""Which model answers: the local one when it will do, the remote one otherwise.

The confidence that the local model will do is between 0 and 1:

    confidence = 0.5 · grounding + 0.3 · simplicity + 0.2 · record

*Grounding* is the similarity of the best source to the question (0 without sources), *simplicity* falls with the length
of the question, *record* is the share of good outcomes of similar questions that the local model answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ai_stack.hybrid_coordinator.passages import words
from ai_stack.hybrid_coordinator.prompt import Placed
from ai_stack.service.logs import get_logger
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.tracing import span

log = get_logger(__name__)

Route = Literal["local", "remote"]
Reason = Literal[
    "requested", "only_one_configured", "too_long_for_local", "local_unavailable", "confident", "not_confident"
]
Purpose = Literal["chat", "advice"]

#: Similarity at which a source grounds an answer fully; and what a source counts for whose similarity is unknown.
FULL_GROUNDING = 0.7
UNKNOWN_GROUNDING = 0.5
LONG_QUESTION_WORDS = 200


@dataclass(frozen=True, slots=True)
class Decision:
    """Who answers and why; `confidence` is that the local model will do."""

    route: Route
    reason: Reason
    confidence: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What a decision is made from.

    Attributes:
        configured: the models that there are.
        requested: the one that the client asked for.
        fits_local: the conversation fits the local model's window.
        local_open: the local model's circuit is open.
        confidence: see the module.
    """

    configured: frozenset[Route]
    requested: Route | None
    fits_local: bool
    local_open: bool
    confidence: float


def confidence(question: str, sources: Sequence[Placed], record: float) -> float:
    """Return the confidence that the local model will do.

    Args:
        question: of the user.
        sources: in the prompt.
        record: share of good outcomes for similar questions, 0 to 1; 0.5 without any.
    """
    similarities = [placed.fused.candidate.similarity for placed in sources]
    grounding = max(
        (UNKNOWN_GROUNDING if s is None else min(1.0, max(0.0, s / FULL_GROUNDING)) for s in similarities), default=0.0
    )
    simplicity = 1.0 - min(1.0, len(words(question)) / LONG_QUESTION_WORDS)
    return round(0.5 * grounding + 0.3 * simplicity + 0.2 * record, 4)


def decide(situation: Situation, *, threshold: float) -> Decision:
    """Return the decision. At least one model must be configured, and one that was requested is."""

    def because(route: Route, reason: Reason) -> Decision:
        return Decision(route, reason, situation.confidence)

    if situation.requested is not None:
        return because(situation.requested, "requested")
    if len(situation.configured) == 1:
        return because(next(iter(situation.configured)), "only_one_configured")
    if not situation.fits_local:
        return because("remote", "too_long_for_local")
    if situation.local_open:
        return because("remote", "local_unavailable")
    if situation.confidence >= threshold:
        return because("local", "confident")
    return because("remote", "not_confident")


class DecisionTelemetry:
    """Shows each decision as a metric, a span and a line in the log."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self._decisions = metrics.counter(
            "hybrid_decisions_total", "Routing decisions, by route, reason, and whether for a chat or as advice."
        )

    def report(self, decision: Decision, *, purpose: Purpose) -> None:
        """Report a decision. Advice is what a client may follow, with a model of its own."""
        self._decisions.inc({"decision": decision.route, "reason": decision.reason, "purpose": purpose})
        facts = {
            "decision": decision.route,
            "reason": decision.reason,
            "confidence": decision.confidence,
            "purpose": purpose,
        }
        with span("hybrid.decision", **facts):
            log.info("routing.decision", **facts)
