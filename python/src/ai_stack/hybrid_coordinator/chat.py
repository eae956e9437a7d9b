"""Chats: the question is given context, a model is chosen, and its answer is passed on as it comes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import aiohttp

from ai_stack.hybrid_coordinator.augment import Augmented, Augmenter, NothingToSearch
from ai_stack.hybrid_coordinator.chat_schemas import ChatRequest
from ai_stack.hybrid_coordinator.embedder import Embedder
from ai_stack.hybrid_coordinator.learned import Collections
from ai_stack.hybrid_coordinator.llm import Llm
from ai_stack.hybrid_coordinator.records import Interaction
from ai_stack.hybrid_coordinator.routing import Decision, DecisionTelemetry, Route, Situation, confidence, decide
from ai_stack.hybrid_coordinator.settings import ChatSettings
from ai_stack.hybrid_coordinator.tokens import TokenCounter
from ai_stack.hybrid_coordinator.value import OUTCOME
from ai_stack.hybrid_coordinator.vector_store import all_of
from ai_stack.service.errors import BadRequest, NotImplementedHere, ServiceError
from ai_stack.service.logs import get_logger
from ai_stack.service.resilience import DependencyError, deadline

log = get_logger(__name__)

QUESTION_LIMIT = 10_000
#: Tokens that an answer is expected to take when the client does not say.
EXPECTED_ANSWER = 512
#: Of the local model's record: how many similar questions count, from which similarity, and the time to find them.
NEIGHBOURS = 10
SIMILAR = 0.5
RECORD_SECONDS = 0.3
#: As many good outcomes as bad ones.
NO_RECORD = 0.5


@dataclass(frozen=True, slots=True)
class Prepared:
    """A chat that is ready to be sent: the question with its context, and what is known of them."""

    question: str
    augmented: Augmented | None
    decision: Decision
    body: dict[str, Any]

    @property
    def degraded(self) -> tuple[str, ...]:
        """Dependencies that were missing; "context" when there was none to be had at all."""
        return ("context",) if self.augmented is None else self.augmented.degraded


class Chat:
    """Prepares chats and sends them.

    Args:
        models: that are configured.
        augmenter: finds context.
        embedder, collections: for the record of the local model.
        counter: counts tokens.
        settings: of chats.
        telemetry: of decisions.
    """

    def __init__(
        self,
        models: Mapping[Route, Llm],
        augmenter: Augmenter,
        embedder: Embedder,
        collections: Collections,
        counter: TokenCounter,
        settings: ChatSettings,
        telemetry: DecisionTelemetry,
    ) -> None:
        self.models = models
        self._augmenter = augmenter
        self._embedder = embedder
        self._collections = collections
        self._counter = counter
        self._settings = settings
        self._telemetry = telemetry

    async def prepare(self, request: ChatRequest) -> Prepared:
        """Find context for the last question of a chat, and decide who answers.

        Raises:
            NotImplementedHere: no model is configured, or not the requested one.
            BadRequest: there is no question.
        """
        requested = _requested(request.model)
        if not self.models or (requested is not None and requested not in self.models):
            raise NotImplementedHere(f"no {requested or 'language'} model is configured")
        question = last_question(request)
        augmented = await self._augment(question, requested)
        body = with_context(request, augmented)
        tokens = await asyncio.to_thread(self._tokens, body)
        situation = Situation(
            configured=frozenset(self.models),
            requested=requested,
            fits_local="local" in self.models and tokens <= self.models["local"].settings.context_tokens,
            local_open="local" in self.models and not self.models["local"].available,
            confidence=confidence(
                question, augmented.prompt.sources if augmented else (), await self._record(question)
            ),
        )
        decision = decide(situation, threshold=self._settings.local_confidence)
        self._telemetry.report(decision, purpose="chat")
        return Prepared(question, augmented, decision, body)

    def advise(self, question: str, augmented: Augmented) -> Decision:
        """Return who should read a prompt, from what is at hand: the record of the local model would take a search.

        Where no model is configured the client has its own, and is told which kind will do.
        """
        local = self.models.get("local")
        expected = augmented.prompt.token_count + EXPECTED_ANSWER
        situation = Situation(
            configured=frozenset(self.models) or frozenset[Route](("local", "remote")),
            requested=None,
            fits_local=local is None or expected <= local.settings.context_tokens,
            local_open=local is not None and not local.available,
            confidence=confidence(question, augmented.prompt.sources, NO_RECORD),
        )
        decision = decide(situation, threshold=self._settings.local_confidence)
        self._telemetry.report(decision, purpose="advice")
        return decision

    @asynccontextmanager
    async def answer(self, prepared: Prepared) -> AsyncIterator[tuple[aiohttp.ClientResponse, Decision]]:
        """Yield the beginning answer and who gives it. When one model fails, the other is asked if it may be.

        Raises:
            DependencyError, RemoteError
        """
        decision = prepared.decision
        async with AsyncExitStack() as stack:
            try:
                response = await stack.enter_async_context(self.models[decision.route].chat(prepared.body))
            except DependencyError as error:
                others = [route for route in self.models if route != decision.route]
                if decision.reason == "requested" or not others:
                    raise
                log.warning("chat.other_model", failed=decision.route, reason=error.message)
                decision = replace(decision, route=others[0])
                response = await stack.enter_async_context(self.models[decision.route].chat(prepared.body))
            yield response, decision

    async def _augment(self, question: str, requested: Route | None) -> Augmented | None:
        wanted = [requested] if requested else list(self.models)
        window = min(self.models[route].settings.context_tokens for route in wanted)
        try:
            return await self._augmenter.augment(
                question,
                agent_type="local" if wanted == ["local"] else "remote",
                max_tokens=min(self._settings.context_tokens, window // 2),
                limit=self._settings.context_limit,
            )
        except NothingToSearch:
            log.warning("chat.without_context")
            return None

    async def _record(self, question: str) -> float:
        """Share of good outcomes of similar questions that the local model answered, with Laplace's rule."""
        if len(self.models) < 2:
            return NO_RECORD
        search = partial(
            self._collections.search,
            Interaction.collection,
            limit=NEIGHBOURS,
            threshold=SIMILAR,
            where=all_of(agent_type="local"),
        )
        try:
            async with asyncio.timeout(RECORD_SECONDS):
                with deadline(RECORD_SECONDS):
                    found = await search(await self._embedder.embed(question))
        except (ServiceError, TimeoutError):
            return NO_RECORD
        outcomes = [
            OUTCOME[item.record.outcome]
            for item in found
            if isinstance(item.record, Interaction) and item.record.outcome is not None
        ]
        return (sum(outcomes) + 1) / (len(outcomes) + 2)

    def _tokens(self, body: dict[str, Any]) -> int:
        texts = [text for message in body["messages"] for text in _texts(message.get("content"))]
        answer = body.get("max_completion_tokens") or body.get("max_tokens") or EXPECTED_ANSWER
        return sum(self._counter.count(text) for text in texts) + int(answer)


def last_question(request: ChatRequest) -> str:
    """Return the text of the last message of the user, as far as it is searched with.

    Raises:
        BadRequest: there is none.
    """
    for message in reversed(request.messages):
        if message.role == "user":
            text = "\n".join(_texts(message.model_dump(exclude_unset=True).get("content"))).strip()
            if text:
                return text[:QUESTION_LIMIT]
    raise BadRequest("messages: there is no question of a user")


def with_context(request: ChatRequest, augmented: Augmented | None) -> dict[str, Any]:
    """Return the body for the model: the last question of the user preceded by its sources, everything else as it was.

    The sources go into the user's message and not into one of the system: they are data and must not speak with its
    authority.
    """
    body = request.model_dump(exclude_unset=True)
    if augmented is None or not augmented.prompt.sources:
        return body
    index = max(i for i, message in enumerate(request.messages) if message.role == "user" and _texts(message.content))
    content = body["messages"][index]["content"]
    preface = augmented.prompt.preface
    if isinstance(content, str):
        body["messages"][index]["content"] = preface + content
    else:
        body["messages"][index]["content"] = [{"type": "text", "text": preface}, *content]
    return body


def _requested(model: str) -> Route | None:
    match model:
        case "local":
            return "local"
        case "remote":
            return "remote"
        case _:
            return None


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content] if content.strip() else []
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return [part for part in parts if isinstance(part, str) and part.strip()]
    return []
