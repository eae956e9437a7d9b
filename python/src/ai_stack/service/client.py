"""HTTP calls from one service to another.

Every call goes through a guard. Credentials, the request id and the trace travel with it; of the answer no more is
read than a bound allows, and of an error no more is passed on than the error envelope's own texts.
"""

import http
from collections.abc import Mapping
from io import BytesIO
from typing import Any, NamedTuple, TypeAlias

import aiohttp
import orjson
from opentelemetry.trace import Span, StatusCode
from pydantic import SecretStr
from yarl import URL

from ai_stack.service.context import request_id
from ai_stack.service.dependency_errors import DependencyError, DependencyFailure
from ai_stack.service.errors import ServiceError
from ai_stack.service.guard import Guard
from ai_stack.service.logs import get_logger
from ai_stack.service.tracing import client_span, trace_headers

log = get_logger(__name__)

Params: TypeAlias = Mapping[str, str | int | float]

# RFC 9110 section 9.2.2.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})

# Client errors that say nothing about the request but "not now" (RFC 9110 section 15.5.9, RFC 6585 section 4).
_NOT_NOW = frozenset({408, 429})

_MAX_ERROR_TEXT = 500


class RemoteError(ServiceError):
    """The other service refused the request (4xx). Unhandled, it becomes the answer to the client.

    Attributes:
        status: of the other service's answer.
        error: its error text.
        error_id: under which its log has more; None when it gave none.
    """

    def __init__(self, status: int, error: str, error_id: str | None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.error_id = error_id


class CredentialsRefused(DependencyError):
    """The other service does not accept this service's key: a fault of the deployment, not of the client."""

    def __init__(self, dependency: str) -> None:
        super().__init__(dependency, "refuses this service's credentials")


class _Answer(NamedTuple):
    status: int
    content: Any


class ServiceClient:
    """Calls one other service with JSON. Belongs to one event loop.

    Args:
        name: of the other service, in spans and logs.
        base_url: where it is, a path prefix included.
        session: from `client_session`; not closed here.
        guard: that all calls go through.
        api_key: shown to it; None to show none.
        max_response_bytes: largest answer that is read, decompressed.

    Raises:
        ValueError: `base_url` is not an http(s) address, or holds credentials.
    """

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        session: aiohttp.ClientSession,
        guard: Guard,
        api_key: SecretStr | None = None,
        max_response_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        url = URL(base_url)
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError(f"the address of {name} must be an http or https URL")
        if url.user is not None or url.password is not None:
            raise ValueError(f"the address of {name} must not hold credentials")
        self.name = name
        self._base_url = url
        self._session = session
        self._guard = guard
        self._api_key = api_key
        self._max_response_bytes = max_response_bytes

    def __repr__(self) -> str:
        return f"ServiceClient(name={self.name!r}, base_url={str(self._base_url)!r})"

    async def request_json(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Params | None = None,
        idempotent: bool | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Send a request and return the decoded JSON answer, or None for an answer without content (204).

        Args:
            method: HTTP method.
            path: below the base address, not percent-encoded and without `.` or `..` segments.
            json: body, whatever orjson can encode (NumPy arrays too); None for no body.
            params: query parameters.
            idempotent: may be retried; None decides by the method (RFC 9110), so a POST is not.
            timeout: seconds for one attempt instead of the guard's.

        Raises:
            RemoteError: the other service answered 4xx (except 401, 403, 408 and 429).
            DependencyError: every other failure, see `Guard.call`.
            ValueError: a path that could lead elsewhere.
            TypeError: a body that cannot be encoded.
        """
        url = self._url(path)
        body = None if json is None else orjson.dumps(json, option=orjson.OPT_SERIALIZE_NUMPY)
        resends = -1

        async def attempt() -> _Answer:
            nonlocal resends
            resends += 1
            with client_span(f"{method} {self.name}", **self._attributes(method, url, resends)) as span:
                return await self._exchange(span, method, url, body, params)

        if idempotent is None:
            idempotent = method in _IDEMPOTENT
        answer = await self._guard.call(attempt, idempotent=idempotent, timeout=timeout)
        if answer.status >= 400:
            raise self._refusal(answer)
        return answer.content

    def _url(self, path: str) -> URL:
        if not {".", ".."}.isdisjoint(path.split("/")):
            raise ValueError("path must not contain . or .. segments")
        return self._base_url.joinpath(path.lstrip("/"))

    @staticmethod
    def _attributes(method: str, url: URL, resends: int) -> dict[str, str | int]:
        # OpenTelemetry semantic conventions for HTTP client spans. Without the query, which may hold personal data.
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "server.address": url.host or "",
            "server.port": url.port or 0,
            "url.full": str(url),
        }
        if resends:
            attributes["http.request.resend_count"] = resends
        return attributes

    async def _exchange(self, span: Span, method: str, url: URL, body: bytes | None, params: Params | None) -> _Answer:
        try:
            async with self._session.request(
                method,
                url,
                # aiohttp takes offence at large bodies given as bytes.
                data=None if body is None else BytesIO(body),
                params=params,
                headers=self._headers(body),
                allow_redirects=False,
            ) as response:
                span.set_attribute("http.response.status_code", response.status)
                if response.status >= 400:
                    span.set_status(StatusCode.ERROR)
                return await self._read(response)
        except aiohttp.ClientResponseError as error:
            problem = type(error).__name__
        # Raised out here, since that exception holds the request's headers, the key among them: this one must not have
        # it as its cause or context.
        raise DependencyFailure(f"unreadable answer ({problem})")

    def _headers(self, body: bytes | None) -> dict[str, str]:
        headers = {"Accept": "application/json", **trace_headers()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._api_key is not None:
            headers["X-API-Key"] = self._api_key.get_secret_value()
        if (current := request_id.get()) is not None:
            headers["X-Request-ID"] = current
        return headers

    async def _read(self, response: aiohttp.ClientResponse) -> _Answer:
        status = response.status
        if status >= 500 or status in _NOT_NOW:
            raise DependencyFailure(
                f"answered {status}", retryable=status != 501, retry_after=_retry_after(response.headers)
            )
        if not 200 <= status < 300 and not 400 <= status < 500:
            # A redirect is not followed: it could carry the key to another host.
            raise DependencyFailure(f"unexpected answer {status}", retryable=False)
        content = await self._body(response)
        if status == 204:
            return _Answer(status, None)
        try:
            return _Answer(status, orjson.loads(content))
        except orjson.JSONDecodeError:
            if status < 400:
                raise DependencyFailure(f"answered {status} with something other than JSON") from None
            return _Answer(status, None)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        chunks = bytearray()
        async for chunk in response.content.iter_any():
            chunks += chunk
            if len(chunks) > self._max_response_bytes:
                response.close()
                raise DependencyFailure("answer too large", retryable=False)
        return bytes(chunks)

    def _refusal(self, answer: _Answer) -> ServiceError:
        envelope = answer.content if isinstance(answer.content, dict) else {}
        error, error_id = _text(envelope.get("error")), _text(envelope.get("error_id"))
        if answer.status in (401, 403):
            log.error(
                "client.credentials_refused", dependency=self.name, status=answer.status, remote_error_id=error_id
            )
            return CredentialsRefused(self._guard.name)
        return RemoteError(answer.status, error or _phrase(answer.status), error_id)


def client_session(**options: Any) -> aiohttp.ClientSession:
    """Return a session fit for `ServiceClient`; the caller closes it. To be called within a running event loop.

    Args:
        options: of `aiohttp.ClientSession`, in place of those chosen here.
    """
    if "connector" not in options:
        # The guards bound concurrency. A lower limit here would be a second queue, whose waiting would pass for
        # slowness of the dependency.
        options["connector"] = aiohttp.TCPConnector(limit=1024)
    settings: dict[str, Any] = {
        # The guards bound the whole; a host that swallows packets should leave time for another attempt.
        "timeout": aiohttp.ClientTimeout(total=None, sock_connect=3.0),
        "cookie_jar": aiohttp.DummyCookieJar(),
        # Proxies of the environment have no business between the services of a machine.
        "trust_env": False,
    }
    return aiohttp.ClientSession(**{**settings, **options})


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "")
    # The form with a date is not used between services. Longer numbers are no sensible pause either.
    return float(value) if value.isascii() and value.isdigit() and len(value) <= 6 else None


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return "".join(char for char in value[:_MAX_ERROR_TEXT] if char.isprintable()) or None


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return f"status {status}"
