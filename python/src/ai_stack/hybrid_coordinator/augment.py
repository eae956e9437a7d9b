"""From a question to the augmented prompt."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ai_stack.hybrid_coordinator.candidates import Fused, Ranking
from ai_stack.hybrid_coordinator.fusion import fuse
from ai_stack.hybrid_coordinator.prompt import AgentType, Prompt, PromptBuilder
from ai_stack.hybrid_coordinator.relevance import Relevance
from ai_stack.hybrid_coordinator.retrieval import Retrieval, Retrieved
from ai_stack.hybrid_coordinator.settings import CollectionSettings
from ai_stack.hybrid_coordinator.statistics import Statistics
from ai_stack.service.errors import Unavailable
from ai_stack.service.metrics import ServiceMetrics
from ai_stack.service.tracing import span

# Of the deadline, what fusing and building the prompt may take.
ASSEMBLY_SECONDS = 0.1
ASSEMBLY_SHARE = 0.1
STAGE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class NothingToSearch(Unavailable):
    """Not one source answered."""

    def __init__(self) -> None:
        super().__init__("none of the sources can be searched now", retry_after=1.0)


@dataclass(frozen=True, slots=True)
class Augmented:
    """An answer.

    Attributes:
        prompt: with the sources that fit.
        passages: everything that was found and counts, placed or not, best first.
        degraded: the dependencies that were missing.
        timings: milliseconds by stage.
    """

    prompt: Prompt
    passages: tuple[Fused, ...]
    degraded: tuple[str, ...]
    timings: dict[str, float]


class Augmenter:
    """Answers questions with prompts.

    Args:
        retrieval: finds passages.
        builder: builds the prompt.
        relevance: decides which passages may be used.
        answer_deadline: seconds for the whole.
        metrics: of the service.
        statistics: counts the answers.
        now: the time of day, for tests.
    """

    def __init__(
        self,
        retrieval: Retrieval,
        builder: PromptBuilder,
        relevance: Relevance,
        *,
        answer_deadline: float,
        metrics: ServiceMetrics,
        statistics: Statistics,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._retrieval = retrieval
        self._builder = builder
        self._relevance = relevance
        self._seconds = answer_deadline - min(ASSEMBLY_SECONDS, ASSEMBLY_SHARE * answer_deadline)
        self._statistics = statistics
        self._now = now
        self._degraded = metrics.counter(
            "hybrid_degraded_answers_total", "Answers given without a dependency, by its name."
        )
        self._context_hits = metrics.counter("hybrid_context_hits_total", "Answers that hold context.")
        self._stages = metrics.histogram("hybrid_augment_stage_seconds", "Time spent by stage.", STAGE_BUCKETS)

    async def augment(
        self,
        question: str,
        *,
        agent_type: AgentType,
        max_tokens: int,
        limit: int,
        plan: Mapping[str, CollectionSettings] | None = None,
        without: Collection[str] = frozenset(),
    ) -> Augmented:
        """Return the prompt for `question`.

        Args:
            question: as the user asked it.
            agent_type: kind of model that will read the prompt.
            max_tokens: for everything but the question.
            limit: the most sources.
            plan, without: see `Retrieval.search`.

        Raises:
            NothingToSearch: no source answered.
        """
        started = time.perf_counter()
        with span("hybrid.augment_query", agent_type=agent_type, query_length=len(question)) as current:
            retrieved = await self._retrieve(question, plan, without)
            searched = time.perf_counter()

            def assemble() -> tuple[Prompt, tuple[Fused, ...]]:
                passages = self._relevant(question, retrieved.rankings)
                prompt = self._builder.build(
                    question, passages, agent_type=agent_type, max_tokens=max_tokens, limit=limit
                )
                return prompt, tuple(passages)

            # On a thread: comparing and counting takes milliseconds that other requests should not wait for.
            prompt, passages = await asyncio.to_thread(assemble)
            ended = time.perf_counter()
            current.set_attribute("context_found", bool(prompt.sources))
        timings = dict(
            sorted(retrieved.timings.items()),
            search_ms=_milliseconds(searched - started),
            assemble_ms=_milliseconds(ended - searched),
            total_ms=_milliseconds(ended - started),
        )
        self._count(agent_type, prompt, retrieved.degraded, timings)
        return Augmented(prompt, passages, tuple(sorted(retrieved.degraded)), timings)

    async def find(
        self, question: str, *, plan: Mapping[str, CollectionSettings], without: Collection[str]
    ) -> list[Fused]:
        """Return the passages that count for `question`, best first.

        Raises:
            NothingToSearch: no source answered.
        """
        retrieved = await self._retrieve(question, plan, without)
        return await asyncio.to_thread(self._relevant, question, retrieved.rankings)

    async def _retrieve(
        self, question: str, plan: Mapping[str, CollectionSettings] | None, without: Collection[str]
    ) -> Retrieved:
        retrieved = await self._retrieval.search(question, seconds=self._seconds, plan=plan, without=without)
        if not retrieved.rankings:
            raise NothingToSearch
        return retrieved

    def _relevant(self, question: str, rankings: list[Ranking]) -> list[Fused]:
        return fuse([Ranking(ranking.name, self._relevance.keep(question, ranking.candidates)) for ranking in rankings])

    def _count(self, agent_type: AgentType, prompt: Prompt, degraded: set[str], timings: dict[str, float]) -> None:
        self._statistics.record(
            agent_type=agent_type, context_found=bool(prompt.sources), degraded=bool(degraded), at=self._now()
        )
        for name in degraded:
            self._degraded.inc({"service": name})
        if prompt.sources:
            self._context_hits.inc({})
        for name, spent in timings.items():
            self._stages.observe({"stage": name.removesuffix("_ms")}, spent / 1000)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
