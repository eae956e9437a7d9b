"""Questions to the services.

No circuit breaker and no retries here: a page about what is down has to look at what is down.
"""

import asyncio
from typing import Any

import aiohttp
import orjson
from yarl import URL

#: More than any health answer, OpenAPI document or exposition of a service has.
LARGEST_ANSWER = 8 * 1024 * 1024


class Unreachable(Exception):
    """The service gave no usable answer. The text is for the operator."""


class Prober:
    """Asks services.

    Args:
        session: to ask with; not closed here.
        timeout: seconds for one question.
    """

    def __init__(self, session: aiohttp.ClientSession, timeout: float) -> None:
        self._session = session
        self._timeout = timeout

    async def text(self, base: str, path: str, key: str | None = None) -> tuple[int, str]:
        """Ask for `path` at `base`, and return status and body.

        Args:
            base: address of the service.
            path: below it.
            key: API key to show, None for none.

        Raises:
            Unreachable: no answer, not in time, or too large.
        """
        headers = {"X-API-Key": key} if key is not None else {}
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._session.get(
                    URL(base).joinpath(path.lstrip("/")), headers=headers, allow_redirects=False
                ) as answer,
            ):
                body = bytearray()
                async for part in answer.content.iter_any():
                    body += part
                    if len(body) > LARGEST_ANSWER:
                        raise Unreachable("the answer is too large")
                return answer.status, body.decode("utf-8", "replace")
        except TimeoutError:
            raise Unreachable("no answer in time") from None
        except aiohttp.ClientConnectorError:
            raise Unreachable("no connection") from None
        except aiohttp.ClientError:
            raise Unreachable("no whole answer") from None

    async def json(self, base: str, path: str, key: str | None = None) -> tuple[int, dict[str, Any]]:
        """Ask for a JSON object; arguments and errors as for `text`."""
        status, body = await self.text(base, path, key)
        try:
            content = orjson.loads(body)
        except orjson.JSONDecodeError:
            content = None
        if not isinstance(content, dict):
            raise Unreachable(f"answered {status} with something else than was asked for")
        return status, content
