"""Calls of OpenAI-compatible language models, streaming or not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
from pydantic import SecretStr
from yarl import URL

from ai_stack.hybrid_coordinator.routing import Route
from ai_stack.hybrid_coordinator.settings import LlmSettings
from ai_stack.service.client import CredentialsRefused, RemoteError
from ai_stack.service.dependency_errors import DependencyFailure
from ai_stack.service.guard import Guard
from ai_stack.service.resilience import CircuitState, GuardRegistry, Policy
from ai_stack.service.tracing import client_span, trace_headers

MAX_ERROR_BYTES = 64 * 1024
MAX_ERROR_TEXT = 500


class Llm:
    """One model behind one endpoint.

    Args:
        route: its name here.
        settings: where it is.
        session: to call it with; not closed here.
        guard: that its calls go through, until the answer begins.
        api_key: shown to it.

    Raises:
        ValueError: the address is not an http(s) URL, or holds credentials.
    """

    def __init__(
        self,
        route: Route,
        settings: LlmSettings,
        session: aiohttp.ClientSession,
        guard: Guard,
        api_key: SecretStr | None,
    ) -> None:
        self.route = route
        self.settings = settings
        self._url = endpoint_of(settings.url)
        self._session = session
        self._guard = guard
        self._api_key = api_key

    @property
    def available(self) -> bool:
        """Whether it is called at all now."""
        return self._guard.state is not CircuitState.OPEN

    @asynccontextmanager
    async def chat(self, body: dict[str, Any]) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield the answer to a chat request once it begins; leaving the context ends it, finished or not.

        Args:
            body: of the request; the model is filled in here.

        Raises:
            DependencyError: it failed, or does not accept the key.
            RemoteError: it refused the request.
        """
        payload = orjson.dumps({**body, "model": self.settings.model})
        response = await self._guard.call(lambda: self._begin(payload))
        try:
            if response.status >= 400:
                raise await self._refusal(response)
            yield response
        finally:
            # Closed and not released: what the client does not want any more, the model must not go on writing.
            response.close()

    async def _begin(self, payload: bytes) -> aiohttp.ClientResponse:
        attributes: dict[str, str | int] = {
            "http.request.method": "POST",
            "server.address": self._url.host or "",
            "server.port": self._url.port or 0,
        }
        with client_span(f"POST {self._guard.name}", **attributes) as span:
            headers = {"Content-Type": "application/json", **trace_headers()}
            if self._api_key is not None:
                headers["Authorization"] = f"Bearer {self._api_key.get_secret_value()}"
            response = await self._session.post(
                self._url,
                data=payload,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=3.0, sock_read=self.settings.timeout),
            )
            span.set_attribute("http.response.status_code", response.status)
        if response.status >= 500 or response.status in (408, 429) or 300 <= response.status < 400:
            response.close()
            raise DependencyFailure(f"answered {response.status}", retryable=False)
        return response

    async def _refusal(self, response: aiohttp.ClientResponse) -> Exception:
        if response.status in (401, 403):
            return CredentialsRefused(self._guard.name)
        message = "the model refused the request"
        try:
            content = orjson.loads(await response.content.read(MAX_ERROR_BYTES))
            text = content["error"]["message"]
            message = "".join(char for char in text[:MAX_ERROR_TEXT] if char.isprintable()) or message
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError, KeyError, TypeError):
            pass
        return RemoteError(response.status, message, None)


def endpoint_of(url: str) -> URL:
    """Return the chat endpoint below a base address such as `http://127.0.0.1:8080/v1`.

    Raises:
        ValueError: not an http(s) URL, or with credentials in it.
    """
    base = URL(url)
    if base.scheme not in ("http", "https") or not base.host:
        raise ValueError("the address of a model must be an http or https URL")
    if base.user is not None or base.password is not None:
        raise ValueError("the address of a model must not hold credentials")
    return base / "chat" / "completions"


def create_guard(route: Route, settings: LlmSettings, guards: GuardRegistry) -> Guard:
    """Return the guard of a model. One attempt: a model that is busy gets no faster by asking twice."""
    return guards.create(
        f"llm-{route}",
        Policy(timeout=settings.timeout, attempts=1, failure_threshold=3, reset_timeout=10.0, max_concurrency=64),
    )
