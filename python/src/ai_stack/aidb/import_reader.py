"""Reads documents as JSON lines from a request, a group at a time, however long the whole is."""

import asyncio
from collections.abc import AsyncIterator

import orjson
from aiohttp import hdrs
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestPayloadError

from ai_stack.aidb.jobs import Line
from ai_stack.aidb.schemas import DocumentRequest
from ai_stack.service.endpoint import parse_json
from ai_stack.service.errors import BadRequest, PayloadTooLarge, RequestTimeout

#: Lines and bytes that are held at once.
GROUP_LINES = 64
GROUP_BYTES = 1024 * 1024


async def read_groups(
    content: StreamReader, *, max_bytes: int, max_line: int, timeout: float
) -> AsyncIterator[list[Line]]:
    """Yield the lines of a body in groups; blank ones count but are left out.

    Args:
        content: of the request.
        max_bytes: of the whole.
        max_line: bytes of a line; a longer one is refused and not held.
        timeout: seconds that the next part of the body may take.

    Raises:
        BadRequest: it ends early or cannot be decompressed.
        PayloadTooLarge: it is longer than `max_bytes`.
        RequestTimeout: its next part does not come.
    """
    group: list[Line] = []
    held = number = 0
    async for raw in _lines(content, max_bytes=max_bytes, max_line=max_line, timeout=timeout):
        number += 1
        if raw is not None and not raw.strip():
            continue
        group.append(_line(number, raw, max_line))
        held += len(raw or b"")
        if len(group) >= GROUP_LINES or held >= GROUP_BYTES:
            yield group
            group, held = [], 0
    if group:
        yield group


def _line(number: int, raw: bytes | None, max_line: int) -> Line:
    if raw is None:
        return Line(number, None, error=f"the line has more than {max_line} bytes")
    try:
        request = parse_json(raw, DocumentRequest)
    except BadRequest as error:
        return Line(number, None, error=error.message.replace("the body", "the line"))
    return Line(number, orjson.loads(raw), project=request.project, path=request.name)


async def _lines(
    content: StreamReader, *, max_bytes: int, max_line: int, timeout: float
) -> AsyncIterator[bytes | None]:
    """Yield each line without its end, None for one that is too long."""
    rest = bytearray()
    too_long = False
    total = 0
    async for part in _parts(content, timeout):
        total += len(part)
        if total > max_bytes:
            raise PayloadTooLarge(f"an import may have at most {max_bytes} bytes")
        *ends, tail = part.split(b"\n")
        for end in ends:
            rest += end
            yield None if too_long or len(rest) > max_line else bytes(rest)
            rest.clear()
            too_long = False
        rest += tail
        if len(rest) > max_line:
            too_long = True
            rest.clear()
    if too_long or rest:
        yield None if too_long else bytes(rest)


async def _parts(content: StreamReader, timeout: float) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(timeout):
                part = await content.readany()
        except (RequestPayloadError, BadHttpMessage):
            raise BadRequest("the body is damaged", headers={hdrs.CONNECTION: "close"}) from None
        except TimeoutError:
            raise RequestTimeout("the body did not arrive in time", headers={hdrs.CONNECTION: "close"}) from None
        if not part:
            return
        yield part
