"""Search by words: spelling, syntax, highlights, explanations, and how words are counted."""

import asyncio
import math

import pytest

from ai_stack.aidb import lexicon
from ai_stack.local.postgres import ConnectionParameters
from support.http import Api
from support.waiting import eventually

from .conftest import Start
from .test_search import fill, find


async def counted(aidb: Api, store: ConnectionParameters) -> None:
    """Wait until the words are counted."""

    async def done() -> bool:
        with store.connect() as connection, connection.cursor() as cursor:
            # A tenth may be new without a new count.
            cursor.execute("SELECT chunks >= 0.9 * (SELECT count(*) FROM chunks) FROM corpus_statistics")
            return bool(cursor.fetchone()[0])

    await eventually(done)


async def test_a_misspelled_word_finds_what_was_meant(aidb: Api, store: ConnectionParameters) -> None:
    await fill(aidb)
    await counted(aidb, store)

    found = await find(aidb, query="chose anothr kernle", mode="keyword", explain=True)

    assert found["results"][0]["path"] == "kernel.md"
    assert found["corrections"]["kernl"] == "kernel"


async def test_a_word_that_is_like_no_other_is_reported_as_unknown(aidb: Api, store: ConnectionParameters) -> None:
    await fill(aidb)
    await counted(aidb, store)

    found = await find(aidb, query="kernel xylophone", mode="keyword", explain=True)

    assert found["corrections"] == {}
    assert found["explanation"]["unknown_words"] == ["xylophon"]
    assert [word["word"] for word in found["explanation"]["words"]] == ["kernel"]


async def test_an_explanation_names_both_ranks_and_scores(aidb: Api) -> None:
    await fill(aidb)

    found = await find(aidb, query="nginx certificate", explain=True)
    plain = await find(aidb, query="nginx certificate")

    best = found["results"][0]
    assert best["path"] == "nginx.md"
    assert (best["explanation"]["keyword_rank"], best["explanation"]["vector_rank"]) == (1, 1)
    assert best["explanation"]["keyword_score"] > 0
    assert best["explanation"]["vector_score"] == pytest.approx(1 - best["distance"], abs=1e-5)
    other = found["results"][-1]["explanation"]
    assert (other["keyword_rank"], other["keyword_score"]) == (None, 0)
    assert {word["word"]: word["chunks"] for word in found["explanation"]["words"]} == {"nginx": 1, "certif": 1}
    assert plain["explanation"] is None
    assert plain["results"][0]["explanation"] is None


async def test_words_that_were_looked_for_are_highlighted_in_any_form(aidb: Api) -> None:
    content = "Ü <b>enabling</b> services.nginx.enable, enabled."
    await aidb("POST", "/documents", json={"path": "a.txt", "content": content})

    (hit,) = (await find(aidb, query="enable nginx"))["results"]

    marked = [hit["content"][mark["start"] : mark["end"]] for mark in hit["highlights"]]
    assert marked == ["enabling", "nginx", "enable", "enabled"]


async def test_in_web_syntax_words_can_be_required_and_excluded(aidb: Api) -> None:
    for path, content in {
        "phrase": "the binary cache of the office",
        "apart": "the cache is no binary",
        "other": "the binary cache of nginx",
    }.items():
        assert (await aidb("POST", "/documents", json={"path": path, "content": content})).json["embedded"]

    for mode in ("keyword", "vector", "hybrid"):
        for query, paths in (
            ('"binary cache"', {"phrase", "other"}),
            ('"binary cache" -nginx', {"phrase"}),
            ("office or nginx", {"phrase", "other"}),
            ("binary office", {"phrase"}),
        ):
            found = await find(aidb, query=query, mode=mode, syntax="web")

            assert {hit["path"] for hit in found["results"]} == paths, (mode, query)
            assert found["total"] == len(paths), (mode, query)


async def test_in_plain_syntax_signs_of_commands_have_no_meaning(aidb: Api) -> None:
    await aidb("POST", "/documents", json={"path": "a", "content": "nix-env -iA installs a package"})

    assert (await find(aidb, query='nix-env -installs "package a"', mode="keyword"))["total"] == 1


async def test_a_document_is_found_by_its_file_name(aidb: Api) -> None:
    await fill(aidb)
    await aidb("POST", "/documents", json={"path": "guides/hardening.md", "content": "# Units\n\nSet what is allowed."})

    found = await find(aidb, query="hardening", mode="keyword")

    assert [hit["path"] for hit in found["results"]] == ["guides/hardening.md"]


async def test_of_equal_chunks_the_one_in_the_document_about_it_comes_first(aidb: Api) -> None:
    body = "## Setup\n\nConfigure the certificate here.\n"
    about = f"# Notes\n\n{body}\n## More\n\nA certificate is renewed.\n\n## Last\n\nThe certificate expires.\n"
    aside = f"# Notes\n\n{body}\n## More\n\nA daemon is restarted.\n\n## Last\n\nThe session expires too.\n"
    await aidb("POST", "/documents", json={"path": "aside.md", "content": aside})
    await aidb("POST", "/documents", json={"path": "about.md", "content": about})

    found = await find(aidb, query="certificate setup", mode="keyword")

    assert found["results"][0]["path"] == "about.md"


async def test_min_score_bounds_a_hybrid_search(aidb: Api) -> None:
    await fill(aidb)

    everything = await find(aidb, query="kernel configuration")
    bound = everything["results"][1]["score"]
    found = await find(aidb, query="kernel configuration", min_score=bound)

    assert everything["results"][0]["score"] == 1.0
    assert [hit["id"] for hit in found["results"]] == [hit["id"] for hit in everything["results"][:2]]
    assert (found["total"], found["has_more"]) == (2, False)


async def test_occurrences_are_read_off_ts_rank(store: ConnectionParameters) -> None:
    with store.connect() as connection, connection.cursor() as cursor:
        for occurrences in (1, 2, 3, 7, 40):
            cursor.execute(
                "SELECT ts_rank('{1,1,1,1}', setweight(to_tsvector('english', %s), 'A'), 'zebra'::tsquery)",
                ("zebra other " * occurrences,),
            )
            (rank,) = cursor.fetchone()
            expected = 6 / math.pi**2 * sum(1 / place**2 for place in range(1, occurrences + 1))
            assert rank == pytest.approx(expected, abs=1e-6)
            assert 6 / math.pi**2 / (1 - rank) - 0.5 == pytest.approx(occurrences, rel=0.06)


async def test_words_are_counted_once_by_several_processes(start: Start, store: ConnectionParameters) -> None:
    async with start() as one, start() as two:
        documents = [{"path": str(number), "content": f"kernel {number}"} for number in range(40)]
        for stored in await asyncio.gather(
            one("POST", "/documents/batch", json={"documents": documents}),
            two("POST", "/documents/batch", json={"documents": [one_ | {"project": "b"} for one_ in documents]}),
        ):
            assert stored.status == 200
        await counted(one, store)
        with store.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT chunks FROM lexemes WHERE word = 'kernel'")
            assert 72 <= cursor.fetchone()[0] <= 80


async def test_words_that_are_very_rare_are_found_though_they_are_not_in_the_table(
    start: Start, store: ConnectionParameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexicon, "RARE_SHARE", 0.5)
    async with start() as aidb:
        documents = [{"path": str(number), "content": f"kernel number{number}"} for number in range(4)]
        assert (await aidb("POST", "/documents/batch", json={"documents": documents})).status == 200
        await counted(aidb, store)

        found = await find(aidb, query="number2", mode="keyword")

    with store.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE word = 'kernel'), count(*) FILTER (WHERE chunks < 2) FROM lexemes"
        )
        assert cursor.fetchone() == (1, 0)
    assert found["results"][0]["path"] == "2"


async def test_what_is_gone_is_no_longer_counted(aidb: Api, store: ConnectionParameters) -> None:
    ids = await fill(aidb)
    await counted(aidb, store)

    await aidb("DELETE", f"/documents/{ids['nginx.md']}")

    async def gone() -> bool:
        with store.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM lexemes WHERE word IN ('nginx', 'certif')")
            return bool(cursor.fetchone()[0] == 0)

    await eventually(gone)
