"""Routes for clients of OpenAI's interface."""

from collections.abc import Mapping

import aiohttp
import orjson
from aiohttp import web

from ai_stack.hybrid_coordinator.chat import Prepared
from ai_stack.hybrid_coordinator.chat_schemas import ChatRequest, Model, ModelList
from ai_stack.hybrid_coordinator.keys import CHAT
from ai_stack.hybrid_coordinator.routing import Decision
from ai_stack.service.endpoint import endpoint
from ai_stack.service.errors import Unavailable
from ai_stack.service.logs import get_logger

log = get_logger(__name__)

EVENTS = "text/event-stream"
MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_BODY_BYTES = 4 * 1024 * 1024
_BROKEN_OFF = orjson.dumps(
    {"error": {"message": "the model's answer broke off", "type": "internal_error", "param": None, "code": None}}
)


@endpoint(
    "POST",
    "/v1/chat/completions",
    scope="read",
    body=ChatRequest,
    errors=(422, 501, 503, 504),
    summary="Answer a chat with context",
    tags=("chat",),
    error_format="openai",
    max_body_bytes=MAX_BODY_BYTES,
    streaming=True,
)
async def chat(request: web.Request, body: ChatRequest) -> web.StreamResponse:
    """Finds context for the last question, chooses a model, and passes its answer on, with `stream` as it comes.

    The headers `X-AI-Stack-Route`, `-Reason`, `-Confidence`, `-Context-Count` and `-Degraded` say what was done.
    Without a configured model this is a 501.
    """
    service = request.app[CHAT]
    prepared = await service.prepare(body)
    async with service.answer(prepared) as (answer, decision):
        headers = _headers(prepared, decision)
        if body.stream:
            return await _stream(request, answer, headers)
        return web.Response(body=await _whole(answer), headers=headers, content_type="application/json")


@endpoint(
    "GET",
    "/v1/models",
    scope="read",
    response=ModelList,
    summary="List the models that a chat can ask for",
    tags=("chat",),
    error_format="openai",
)
async def models(request: web.Request) -> ModelList:
    """`auto` and the configured ones."""
    configured = request.app[CHAT].models
    found = [Model(id="auto", owned_by="ai-stack")] if configured else []
    return ModelList(
        data=[*found, *(Model(id=route, owned_by=llm.settings.model) for route, llm in configured.items())]
    )


async def _stream(
    request: web.Request, answer: aiohttp.ClientResponse, headers: Mapping[str, str]
) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={**headers, "Content-Type": EVENTS, "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    )
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("chat.broken_off", reason=type(error).__name__)
        await response.write(b"\n\ndata: " + _BROKEN_OFF + b"\n\n")
    await response.write_eof()
    return response


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    try:
        async for chunk in answer.content.iter_any():
            content += chunk
            if len(content) > MAX_ANSWER_BYTES:
                raise Unavailable("the model's answer is too large")
        orjson.loads(content)
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
        raise Unavailable("the model gave an unusable answer") from None
    return bytes(content)


def _headers(prepared: Prepared, decision: Decision) -> dict[str, str]:
    sources = prepared.augmented.prompt.sources if prepared.augmented else ()
    return {
        "X-AI-Stack-Route": decision.route,
        "X-AI-Stack-Reason": decision.reason,
        "X-AI-Stack-Confidence": str(decision.confidence),
        "X-AI-Stack-Context-Count": str(len(sources)),
        "X-AI-Stack-Degraded": ",".join(prepared.degraded),
    }


ROUTES = (chat, models)
