"""One connection of a client: what is answered when its bytes do not make a request.

aiohttp answers such bytes by itself, before any middleware: in plain text, with what the parser complains about and
its own version, and with a trace in the log for every stray byte. Here they get the envelope that all errors have.
"""

import uuid
from collections.abc import Callable
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http_exceptions import BadHttpMessage, ContentEncodingError
from aiohttp.web_protocol import RequestPayloadError

from ai_stack.service.endpoint import json_response
from ai_stack.service.logs import get_logger
from ai_stack.service.middleware import REQUEST_ID

#: Told the status of each answer that no middleware has seen.
Observer = Callable[[int], None]

_BAD_REQUEST, _UNSUPPORTED, _SERVER_ERROR = 400, 415, 500

log = get_logger(__name__)


class Connection(web.RequestHandler):
    """aiohttp's protocol with our error answers.

    Args:
        server: of the application's runner.
        observe: told the status of each answer given here.
        options: of `aiohttp.web.RequestHandler`.
    """

    __slots__ = ("_observe",)

    def __init__(self, server: web.Server, *, observe: Observer, **options: Any) -> None:
        super().__init__(server, **options)
        self._observe = observe

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = _SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - quotes the request, secrets included
    ) -> web.StreamResponse:
        """Answer what is no request, or a failure outside of the middlewares (called by aiohttp)."""
        if isinstance(exc, ContentEncodingError):
            # RFC 9110 section 15.5.16.
            return self._answer(request, _UNSUPPORTED, "this content encoding is not supported", exc)
        if status == _BAD_REQUEST:
            return self._answer(request, status, "this is not a well-formed HTTP request", exc)
        return self._answer(request, status, "internal error", exc)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer (called by aiohttp). Errors raised before the first middleware are put in their form here."""
        if isinstance(resp, web.HTTPException) and resp.status >= _BAD_REQUEST:
            resp = self._answer(request, resp.status, (resp.reason or "refused").lower(), None)
        return await super().finish_response(request, resp, start_time)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log what aiohttp did not expect; what a client sent wrong is not news."""
        if isinstance(kw.get("exc_info"), BadHttpMessage | RequestPayloadError):
            self.log_debug(*args, **kw)
        else:
            super().log_exception(*args, **kw)

    def _answer(
        self, request: web.BaseRequest, status: int, message: str, error: BaseException | None
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        identifier, error_id = uuid.uuid4().hex, uuid.uuid4().hex[:12]
        request[REQUEST_ID] = identifier
        kind = type(error).__name__ if error is not None else None
        if status >= _SERVER_ERROR:
            log.error("http.failed", status=status, error_id=error_id, request_id=identifier, exc_info=error)
        else:
            log.info("http.refused", status=status, error_id=error_id, request_id=identifier, reason=message, kind=kind)
        self._observe(status)
        response = json_response(
            {"error": message, "error_id": error_id}, status=status, headers={"X-Request-ID": identifier}
        )
        # Otherwise aiohttp puts its own name and version there.
        response.headers[hdrs.SERVER] = "ai-stack"
        response.force_close()
        return response
