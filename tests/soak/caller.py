"""A client that retries until it is answered, and counts what happened to it."""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

REQUEST_SECONDS: Final = 30.0
#: Answers that say "not now": RFC 9110, and the documented ones of the services.
TRANSIENT: Final = frozenset((429, 500, 502, 503, 504))
_LONGEST_PAUSE: Final = 1.0


class UnusableAnswerError(Exception):
    """No answer came in time, or one that no retry can help; it is in the tally."""


@dataclass
class Tally:
    """What all clients have seen.

    Attributes:
        answered: answers with success, by service and route.
        retried: why a request was sent again: a status, or the class of a connection's failure, by service.
        wrong: answers that were not right, as sentences.
        given_up: requests that were not answered in time.
    """

    answered: Counter[str] = field(default_factory=Counter)
    retried: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)

    def report(self, sentence: str) -> None:
        """Record a wrong answer, and say so at once."""
        self.wrong.append(sentence)
        print(f"WRONG: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - a command prints


class Caller:
    """Calls the services of a stack.

    Args:
        session: to send with.
        services: base URLs by name.
        key: API key.
        tally: where it counts.
        patience: seconds until a request is given up.
    """

    def __init__(
        self, session: aiohttp.ClientSession, services: Mapping[str, str], key: str, tally: Tally, patience: float
    ) -> None:
        self._session = session
        self._services = services
        self._headers = {"X-API-Key": key}
        self.tally = tally
        self._patience = patience

    async def __call__(
        self, service: str, method: str, path: str, *, body: Any = None, also: Collection[int] = ()
    ) -> tuple[int, Any]:
        """Send a request until it succeeds or is answered with a status of `also`.

        Returns:
            Status and the JSON of the answer.

        Raises:
            UnusableAnswerError: another status, or no answer in time.
        """
        deadline = time.monotonic() + self._patience
        pause = 0.05
        while True:
            cause, content = await self._once(service, method, path, body)
            if isinstance(cause, int) and (cause < 300 or cause in also):
                self.tally.answered[f"{service} {method} {_route(path)}"] += 1
                return cause, json.loads(content)
            if isinstance(cause, int) and cause not in TRANSIENT:
                self.tally.report(f"{service} {method} {path}: {cause} {content[:300]!r}")
                raise UnusableAnswerError
            self.tally.retried[f"{service} {cause}"] += 1
            if time.monotonic() > deadline:
                self.tally.given_up.append(f"{service} {method} {path}: {cause} {content[:300]!r}")
                raise UnusableAnswerError
            await asyncio.sleep(random.uniform(pause / 2, pause))
            pause = min(_LONGEST_PAUSE, pause * 2)

    async def _once(self, service: str, method: str, path: str, body: Any) -> tuple[int | str, bytes]:
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        url = self._services[service] + path
        try:
            async with self._session.request(
                method, url, json=body, headers=self._headers, timeout=timeout
            ) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__, str(error).encode()


def _route(path: str) -> str:
    """The path without the parts that are different each time."""
    return "/".join("…" if any(character.isdigit() for character in part) else part for part in path.split("/"))
