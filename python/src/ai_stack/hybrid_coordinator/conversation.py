"""Conversations: context turn by turn, without repeating what was sent, and a look at what is still missing."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ai_stack.hybrid_coordinator.augment import Augmented, Augmenter
from ai_stack.hybrid_coordinator.candidates import Fused
from ai_stack.hybrid_coordinator.passages import clean_line
from ai_stack.hybrid_coordinator.prompt import AgentType
from ai_stack.hybrid_coordinator.sessions import REDIS, Session, Sessions
from ai_stack.hybrid_coordinator.settings import CollectionSettings, CollectionsSettings
from ai_stack.service.errors import NotFound
from ai_stack.service.logs import get_logger
from ai_stack.service.resilience import DependencyError

log = get_logger(__name__)

Level = Literal["standard", "detailed", "comprehensive"]

MAX_SUGGESTIONS = 3
SUGGESTION_LIMIT = 200
#: Below this confidence an answer should be refined; what closing every gap adds at most (both the original's).
REFINE_BELOW = 0.75
LARGEST_GAIN = 0.30


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """What a level of context searches: collections, passages of each, the most sources, and the wording."""

    collections: tuple[str, ...]
    per_collection: int
    limit: int
    wording: AgentType


LEVELS: Mapping[Level, LevelPlan] = {
    "standard": LevelPlan(("error-solutions", "best-practices"), 3, 6, "local"),
    "detailed": LevelPlan(("error-solutions", "best-practices", "codebase-context"), 5, 12, "remote"),
    "comprehensive": LevelPlan(
        ("codebase-context", "skills-patterns", "error-solutions", "best-practices", "interaction-history"),
        10,
        30,
        "remote",
    ),
}


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn. `number` is None when the session could not be kept; `suggestions` name related passages not sent."""

    answer: Augmented
    number: int | None
    suggestions: list[str]
    collections_searched: tuple[str, ...]
    degraded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a second look found. `gaps` are those that some source has passages for which were not sent."""

    suggestions: list[str]
    answerable: list[str]
    gain: float
    session: Session


class Conversation:
    """Answers turn by turn.

    Args:
        augmenter: finds context.
        sessions: remember what was sent.
        collections: thresholds of the collections.
    """

    def __init__(self, augmenter: Augmenter, sessions: Sessions, collections: CollectionsSettings) -> None:
        self._augmenter = augmenter
        self._sessions = sessions
        self._collections = collections

    async def turn(
        self,
        owner: str,
        session_id: str,
        query: str,
        *,
        readable: Collection[str],
        level: Level,
        max_tokens: int,
        already_sent: Sequence[str],
        metadata: Mapping[str, Any] | None,
    ) -> Turn:
        """Return context for a question that the session has not had yet, from the collections in `readable`.

        Raises:
            NothingToSearch
        """
        plan, searched = LEVELS[level], self._plan(LEVELS[level], readable)
        degraded: set[str] = set()
        sent = frozenset(already_sent)
        try:
            sent |= await self._sessions.sent(owner, session_id)
        except DependencyError as error:
            self._without_memory(error, degraded)
        answer = await self._augmenter.augment(
            query,
            agent_type=plan.wording,
            max_tokens=max_tokens,
            limit=plan.limit,
            plan=searched,
            without=sent,
        )
        placed = [source.fused for source in answer.prompt.sources]
        number = None
        try:
            number = await self._sessions.record(
                owner,
                session_id,
                query=query,
                context_ids=[id_ for fused in placed for id_ in fused.ids],
                items=len(placed),
                tokens=sum(source.tokens for source in answer.prompt.sources),
                metadata=metadata,
            )
        except DependencyError as error:
            self._without_memory(error, degraded)
        rest = [fused for fused in answer.passages if fused not in placed]
        return Turn(
            answer=answer,
            number=number,
            suggestions=_names(rest),
            collections_searched=tuple(searched),
            degraded=tuple(sorted({*answer.degraded, *degraded})),
        )

    async def evaluate(
        self, owner: str, session_id: str, *, readable: Collection[str], confidence: float, gaps: Sequence[str]
    ) -> Evaluation:
        """Look for passages that would close the gaps of an answer, in the collections in `readable` among others.

        Raises:
            NotFound: no such session.
            NothingToSearch, DependencyError
        """
        session = await self._sessions.get(owner, session_id)
        if session is None:
            raise NotFound("there is no such session")
        sent = await self._sessions.sent(owner, session_id)
        plan = self._plan(LEVELS["comprehensive"], readable)
        found = await asyncio.gather(*(self._augmenter.find(gap, plan=plan, without=sent) for gap in gaps))
        answerable = [gap for gap, passages in zip(gaps, found, strict=True) if passages]
        related = _names([fused for passages in found for fused in passages])
        gain = LARGEST_GAIN * len(answerable) / len(gaps) if gaps else 0.0
        return Evaluation(
            suggestions=list(dict.fromkeys([*answerable, *related]))[:MAX_SUGGESTIONS],
            answerable=answerable,
            gain=round(min(gain, 1.0 - confidence), 4),
            session=session,
        )

    def _plan(self, level: LevelPlan, readable: Collection[str]) -> dict[str, CollectionSettings]:
        return {
            name: CollectionSettings(limit=level.per_collection, threshold=self._collections.of(name).threshold)
            for name in level.collections
            if name in readable
        }

    def _without_memory(self, error: DependencyError, degraded: set[str]) -> None:
        degraded.add(REDIS)
        log.warning("conversation.session_not_available", reason=error.message)


def _names(passages: Sequence[Fused]) -> list[str]:
    """Headings or titles of passages, at most `MAX_SUGGESTIONS` different ones."""
    names = dict[str, None]()
    for fused in passages:
        name = fused.candidate.heading or fused.candidate.title
        if name and (line := clean_line(name, SUGGESTION_LIMIT)):
            names[line] = None
    return list(names)[:MAX_SUGGESTIONS]
