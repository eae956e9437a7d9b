"""Search in a part of what is stored."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ai_stack.aidb import statements
from support.http import Api

from .test_search import find

DOCUMENTS: list[dict[str, Any]] = [
    {"path": "guides/ssh.md", "content": "# Keys\n\nzebra keys", "metadata": {"team": "ops", "tags": ["a", "b"]}},
    {"path": "guides/a_b.txt", "content": "zebra text", "metadata": {"team": "dev"}},
    {"path": "guides/axb.txt", "content": "zebra again"},
    {"path": "notes/list.rst", "content": "Zebra\n=====\n\nzebra zebra", "project": "other"},
]


@pytest.fixture
async def filled(aidb: Api) -> Api:
    for document in DOCUMENTS:
        assert (await aidb("POST", "/documents", json=document)).json["embedded"]
    return aidb


FILTERS: list[tuple[dict[str, Any], set[str]]] = [
    ({}, {"guides/ssh.md", "guides/a_b.txt", "guides/axb.txt", "notes/list.rst"}),
    ({"project": "other"}, {"notes/list.rst"}),
    ({"path_prefix": "guides/"}, {"guides/ssh.md", "guides/a_b.txt", "guides/axb.txt"}),
    ({"path_prefix": "guides/a_"}, {"guides/a_b.txt"}),
    ({"content_type": "text/markdown"}, {"guides/ssh.md"}),
    ({"content_type": ["text/markdown", "text/x-rst"]}, {"guides/ssh.md", "notes/list.rst"}),
    ({"metadata": {"team": "ops"}}, {"guides/ssh.md"}),
    ({"metadata": {"tags": ["b"]}}, {"guides/ssh.md"}),
    ({"metadata": {"team": "ops"}, "project": "other"}, set()),
    ({"status": "pending"}, set()),
]


async def test_a_filter_holds_in_every_mode(filled: Api) -> None:
    for asked, paths in FILTERS:
        for mode in ("keyword", "vector", "hybrid"):
            found = await find(filled, query="zebra", mode=mode, **asked)

            assert {hit["path"] for hit in found["results"]} == paths, (asked, mode)
            assert (found["total"], found["has_more"]) == (len(paths), False), (asked, mode)


async def test_a_time_range_includes_its_begin_and_excludes_its_end(filled: Api) -> None:
    document = (await filled("GET", "/documents?limit=1")).json["documents"][0]
    changed = datetime.fromisoformat(document["updated_at"])

    since = await find(filled, query="zebra", updated_since=changed.isoformat())
    until = await find(filled, query="zebra", updated_until=changed.isoformat())
    later = await find(filled, query="zebra", updated_since=(datetime.now(UTC) + timedelta(days=1)).isoformat())

    assert (since["total"], until["total"], later["total"]) == (4, 0, 0)


async def test_the_way_a_filter_is_applied_does_not_change_what_is_found(
    filled: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    for few in (0, 2, 2000):
        monkeypatch.setattr(statements, "FEW_ALLOWED", few)

        found = await find(filled, "/vector/search", query="zebra", path_prefix="guides/")

        assert {hit["path"] for hit in found["results"]} == {"guides/ssh.md", "guides/a_b.txt", "guides/axb.txt"}


async def test_a_bad_filter_is_refused(aidb: Api) -> None:
    changes: list[dict[str, Any]] = [
        {"path_prefix": ""},
        {"content_type": "image/png"},
        {"status": "unheard of"},
        {"metadata": []},
        {"updated_since": "yesterday"},
        {"updated_since": "2026-01-01T00:00:00"},
        {"syntax": "sql"},
        {"min_score": 2},
        {"explain": "yes"},
    ]
    for change in changes:
        for path in ("/search", "/vector/search"):
            assert (await aidb("POST", path, json={"query": "zebra", **change})).status == 400, change


async def test_web_syntax_needs_a_text(aidb: Api) -> None:
    answer = await aidb("POST", "/vector/search", json={"embedding": [1.0] * 384, "syntax": "web"})

    assert answer.status == 400
