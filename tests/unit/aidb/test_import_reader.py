"""JSON lines from a request, in whatever parts they arrive."""

import asyncio
import itertools
import json
from collections.abc import Sequence
from unittest.mock import Mock

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.aidb.import_reader import GROUP_LINES, read_groups
from ai_stack.aidb.jobs import Line
from ai_stack.service.errors import PayloadTooLarge, RequestTimeout


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in at}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if start < end]


async def read(parts: Sequence[bytes], *, max_bytes: int = 10**6, max_line: int = 200, end: bool = True) -> list[Line]:
    # 2**16 is the limit of its buffer; nothing is ever sent back.
    stream = StreamReader(Mock(spec=BaseProtocol), 2**16, loop=asyncio.get_running_loop())
    for part in parts:
        stream.feed_data(part)
    if end:
        stream.feed_eof()
    groups = read_groups(stream, max_bytes=max_bytes, max_line=max_line, timeout=30.0 if end else 0.01)
    lines = []
    async for group in groups:
        assert 0 < len(group) <= GROUP_LINES
        lines += group
    return lines


def document(number: int) -> dict[str, str]:
    return {"path": f"{number}.md", "content": "é" * (number % 7 + 1)}


@given(st.integers(0, 150), st.lists(st.integers(0, 10**6), max_size=20), st.booleans())
def test_the_same_lines_come_out_however_the_body_was_cut(count: int, places: list[int], ends: bool) -> None:
    text = "\n".join(json.dumps(document(number), ensure_ascii=False) for number in range(count)) + (
        "\n" if ends else ""
    )

    lines = asyncio.run(read(cut(text.encode(), places)))

    assert [line.number for line in lines] == list(range(1, count + 1))
    assert [line.document for line in lines] == [document(number) for number in range(count)]


@given(st.lists(st.integers(0, 10**6), max_size=20))
def test_a_line_that_is_too_long_is_refused_alone(places: list[int]) -> None:
    good = json.dumps(document(1))
    data = f"{good}\n{'x' * 5000}\n{good}\n".encode()

    lines = asyncio.run(read(cut(data, places)))

    assert [line.document for line in lines] == [document(1), None, document(1)]
    assert lines[1].error == "the line has more than 200 bytes"


def test_a_body_that_is_too_large_or_late_is_refused() -> None:
    with pytest.raises(PayloadTooLarge):
        asyncio.run(read([b"{}\n"] * 10, max_bytes=20))
    with pytest.raises(RequestTimeout):
        asyncio.run(read([b"{}\n"], end=False))
