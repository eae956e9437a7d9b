"""Calls from the command line to the services of a running stack."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from ai_stack.local.errors import LocalError
from ai_stack.local.record import read_record

TIMEOUT_SECONDS = 60.0
ATTEMPTS = 8
LONGEST_PAUSE = 10.0


class StackClient:
    """Sends requests with the user's key.

    Args:
        session: to send with.
        urls: base URL by service.
        key: API key.
    """

    def __init__(self, session: aiohttp.ClientSession, urls: dict[str, str], key: str) -> None:
        self._session = session
        self._urls = urls
        self._headers = {"X-API-Key": key}

    async def call(self, service: str, method: str, path: str, body: object = None) -> Any:
        """Send a request and return the JSON of the answer. When the service asks to wait, it is asked again later.

        Args:
            service: name of the service.
            method: HTTP method.
            path: path with the query.
            body: sent as JSON unless None.

        Raises:
            LocalError: no connection, no answer in time, or an answer that is an error.
        """
        data = None if body is None else orjson.dumps(body)
        headers = self._headers if data is None else {**self._headers, "Content-Type": "application/json"}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._session.request(
                    method, self._urls[service] + path, data=data, headers=headers
                ) as answer:
                    if answer.status < 400:
                        return orjson.loads(await answer.read())
                    wait = answer.headers.get("Retry-After", "")
                    if answer.status not in (429, 503) or not wait.isdigit() or attempt == ATTEMPTS:
                        raise LocalError(
                            f"{service} answered {answer.status} to {method} {path}: {await reason(answer)}"
                        )
            except KeyError as error:
                raise LocalError(f"the stack has no service {service}") from error
            except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
                raise LocalError(
                    f"{service} at {self._urls[service]} does not answer {method} {path} ({type(error).__name__}): "
                    f"see `ai-stack status` and `ai-stack logs {service}`"
                ) from error
            await asyncio.sleep(min(float(wait), LONGEST_PAUSE))
        raise AssertionError("the last attempt returns or raises")


async def reason(answer: aiohttp.ClientResponse) -> str:
    """What an error answer says, with the id under which the service's log has more."""
    try:
        content = orjson.loads(await answer.read())
        return f"{content['error']} (error id {content['error_id']})"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return answer.reason or "no reason given"


@asynccontextmanager
async def connected(state: Path) -> AsyncIterator[StackClient]:
    """A client of the stack that runs in `state`.

    Raises:
        LocalError: none runs there, or its key cannot be read.
    """
    record = await asyncio.to_thread(read_record, state)
    if record is None:
        raise LocalError(f"no stack is running in {state}: start one with `ai-stack up`")
    try:
        key = await asyncio.to_thread(record.api_key_file.read_text, "utf-8")
    except OSError as error:
        raise LocalError(f"cannot read the API key in {record.api_key_file}: {error.strerror}") from error
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield StackClient(session, record.services, key.strip())
