"""Search over HTTP: by meaning, by keywords, by both; pages, filters, bounds."""

from typing import Any

import pytest

from support.http import Api

from .conftest import Start
from .fakes import FakeEmbeddings, vector_of

DOCUMENTS = {
    "kernel.md": "# Linux kernel\n\nChoose another kernel with boot.kernelPackages in your configuration.\n",
    "cache.md": "# Binary cache\n\nServe packages to the office from one machine over HTTP.\n",
    "nginx.md": "# Web server\n\nSet services.nginx.enable and request a certificate from Let's Encrypt.\n",
    "users.rst": "Users\n=====\n\nAdd a person to the wheel group to allow sudo.\n",
}


async def fill(aidb: Api, project: str = "default") -> dict[str, int]:
    documents = [{"path": path, "content": text, "project": project} for path, text in DOCUMENTS.items()]
    ids = {}
    for document in documents:
        answer = await aidb("POST", "/documents", json=document)
        assert answer.json["embedded"], answer.body
        ids[document["path"]] = answer.json["id"]
    return ids


async def find(aidb: Api, path: str = "/search", **body: Any) -> Any:
    answer = await aidb("POST", path, json=body)
    assert answer.status == 200, answer.body
    return answer.json


async def test_a_question_finds_the_document_that_answers_it(aidb: Api) -> None:
    ids = await fill(aidb)

    found = await find(aidb, query="how do I choose a different kernel?")

    best = found["results"][0]
    assert best["document_id"] == ids["kernel.md"]
    assert (best["path"], best["relative_path"], best["project"]) == ("kernel.md", "kernel.md", "default")
    assert (best["title"], best["heading"], best["position"]) == ("Linux kernel", "Linux kernel", 0)
    assert "boot.kernelPackages" in best["content"]
    assert best["id"] == best["chunk_id"]
    assert 0 < best["score"] <= 1
    assert best["distance"] == pytest.approx(
        1 - float(vector_of("how do I choose a different kernel?") @ vector_of(f"Linux kernel\n{best['content']}")),
        abs=1e-4,
    )
    assert found["mode"] == "hybrid"
    assert found["degraded"] is False
    assert found["query_time_ms"] > 0


async def test_an_option_is_found_by_any_part_of_its_name(aidb: Api) -> None:
    await fill(aidb)

    for query in ("services.nginx.enable", "nginx", "enable services"):
        found = await find(aidb, query=query, mode="keyword")
        assert found["results"][0]["path"] == "nginx.md", query


async def test_rare_words_count_more_than_common_ones(aidb: Api) -> None:
    for number in range(8):
        await aidb("POST", "/documents", json={"path": f"{number}.txt", "content": "common words are common here"})
    await aidb("POST", "/documents", json={"path": "rare.txt", "content": "a zebra among common things"})

    found = await find(aidb, query="common common words zebra", mode="keyword")

    assert found["results"][0]["path"] == "rare.txt"
    assert found["total"] == 9


async def test_words_that_are_everywhere_do_not_make_a_search_slow(start: Start) -> None:
    async with start(postgres_timeout=2.0, chunk_tokens=32) as aidb:
        text = "".join(f"## Section {n}\n\ncommon words are written here\n\n" for n in range(60))
        for batch in range(2):
            documents = [{"path": f"{batch}-{n}.md", "content": text} for n in range(30)]
            assert (await aidb("POST", "/documents/batch", json={"documents": documents})).status == 200

        found = await find(aidb, query="common words written in a section", mode="keyword", limit=100)

    # The attempt is cut off after two seconds; work that grows with the square of the matches takes many times that.
    assert found["total"] == 100


async def test_of_thousands_with_one_common_word_the_chunk_with_both_is_found(start: Start) -> None:
    async with start(chunk_tokens=32) as aidb:
        text = "".join(f"## Section {n}\n\n{'kernel' if n % 2 else 'modules'} of machines\n\n" for n in range(80))
        for batch in range(2):
            documents = [{"path": f"{batch}-{n}.md", "content": text} for n in range(20)]
            assert (await aidb("POST", "/documents/batch", json={"documents": documents})).status == 200
        await aidb("POST", "/documents", json={"path": "last.md", "content": "# Notes\n\nThe kernel has modules."})

        found = await find(aidb, query="kernel modules", mode="keyword")

    assert found["results"][0]["path"] == "last.md"


async def test_words_in_headings_count_more_than_words_in_text(aidb: Api) -> None:
    await aidb("POST", "/documents", json={"path": "text.md", "content": "# Notes\n\nAbout the firewall of a host."})
    await aidb("POST", "/documents", json={"path": "head.md", "content": "# Firewall\n\nAbout the rules of a host."})

    found = await find(aidb, query="firewall", mode="keyword")

    assert [hit["path"] for hit in found["results"]] == ["head.md", "text.md"]


@pytest.mark.parametrize(
    "query",
    [
        "'; DROP TABLE chunks; --",
        "\\",
        "'",
        '"unclosed',
        "a & | ! <-> :* b",
        "the of and",
        "%s %(query)s {0}",
        "🙂",
        "ß" * 9999,
    ],
)
async def test_no_query_text_breaks_keyword_search(aidb: Api, query: str) -> None:
    await fill(aidb)

    found = await find(aidb, query=query, mode="keyword")

    assert found["total"] >= 0
    assert (await find(aidb, query="kernel", mode="keyword"))["total"] == 1


async def test_vector_search_scores_by_cosine_similarity(aidb: Api, embeddings: FakeEmbeddings) -> None:
    await fill(aidb)
    embedded = {text for text in embeddings.texts if text.startswith("Binary cache")}
    assert len(embedded) == 1
    text = embedded.pop()

    found = await find(aidb, "/vector/search", query=text)

    assert [hit["score"] for hit in found["results"]] == sorted(
        (hit["score"] for hit in found["results"]), reverse=True
    )
    assert found["results"][0]["path"] == "cache.md"
    assert found["results"][0]["score"] == pytest.approx(1.0, abs=1e-5)
    assert found["results"][0]["distance"] == pytest.approx(0.0, abs=1e-5)
    assert (found["total"], found["mode"], found["degraded"]) == (4, "vector", False)


async def test_a_supplied_vector_saves_the_call_to_the_embeddings_service(
    aidb: Api, embeddings: FakeEmbeddings
) -> None:
    await fill(aidb)
    requests = embeddings.requests
    vector = vector_of("wheel group sudo").tolist()

    alone = await find(aidb, "/vector/search", embedding=vector, limit=1)
    hybrid = await find(aidb, query="wheel group", embedding=vector, limit=1)

    assert alone["results"][0]["path"] == hybrid["results"][0]["path"] == "users.rst"
    assert embeddings.requests == requests


async def test_pages_of_a_vector_search_are_true(aidb: Api) -> None:
    await fill(aidb)
    everything = await find(aidb, "/vector/search", query="kernel", limit=100)

    pages = [await find(aidb, "/vector/search", query="kernel", limit=3, offset=offset) for offset in (0, 3, 6)]

    assert [hit["id"] for page in pages for hit in page["results"]] == [hit["id"] for hit in everything["results"]]
    assert [page["has_more"] for page in pages] == [True, False, False]
    assert [page["total"] for page in pages] == [4, 4, 4]
    assert pages[2]["results"] == []


async def test_pages_of_a_hybrid_search_fit_together(aidb: Api) -> None:
    await fill(aidb)
    everything = await find(aidb, query="kernel cache nginx", limit=100)

    pages = [await find(aidb, query="kernel cache nginx", limit=2, offset=offset) for offset in (0, 2)]

    assert [hit["id"] for page in pages for hit in page["results"]] == [hit["id"] for hit in everything["results"]]
    assert everything["total"] == 4


async def test_min_score_bounds_results_and_total(aidb: Api) -> None:
    await fill(aidb)

    everything = await find(aidb, "/vector/search", query="linux kernel configuration")
    bound = (everything["results"][0]["score"] + everything["results"][1]["score"]) / 2
    found = await find(aidb, "/vector/search", query="linux kernel configuration", min_score=bound)

    assert [hit["path"] for hit in found["results"]] == ["kernel.md"]
    assert (found["total"], found["has_more"]) == (1, False)


@pytest.mark.parametrize("mode", ["vector", "keyword", "hybrid"])
async def test_a_project_filter_holds_in_every_mode(aidb: Api, mode: str) -> None:
    await fill(aidb, "one")
    await fill(aidb, "two")

    found = await find(aidb, query="kernel", mode=mode, project="two", limit=100)
    nothing = await find(aidb, query="kernel", mode=mode, project="three")

    assert found["results"]
    assert {hit["project"] for hit in found["results"]} == {"two"}
    assert (nothing["results"], nothing["total"], nothing["has_more"]) == ([], 0, False)


async def test_a_project_filter_bounds_the_total_of_a_vector_search(aidb: Api) -> None:
    await fill(aidb, "one")
    await fill(aidb, "two")

    found = await find(aidb, "/vector/search", query="kernel", project="two", limit=3)

    assert (len(found["results"]), found["total"], found["has_more"]) == (3, 4, True)
    assert {hit["project"] for hit in found["results"]} == {"two"}


async def test_a_search_in_an_empty_database_finds_nothing(aidb: Api) -> None:
    for path in ("/search", "/vector/search"):
        found = await find(aidb, path, query="anything")
        assert (found["results"], found["total"], found["has_more"]) == ([], 0, False)


async def test_metadata_of_the_document_comes_with_its_chunks(aidb: Api) -> None:
    document = {"path": "a", "content": "zebra", "metadata": {"licence": "MIT"}}
    await aidb("POST", "/documents", json=document)

    assert (await find(aidb, query="zebra"))["results"][0]["metadata"] == {"licence": "MIT"}


@pytest.mark.parametrize("path", ["/search", "/vector/search"])
@pytest.mark.parametrize(
    "change",
    [
        {"query": ""},
        {"query": "  "},
        {"query": "x" * 10_001},
        {"query": 5},
        {"query": "nul \0"},
        {"limit": 0},
        {"limit": 101},
        {"limit": "10"},
        {"offset": -1},
        {"offset": 10_001},
        {"project": ""},
        {"embedding": [0.1] * 383},
        {"embedding": [0.0] * 384},
        {"embedding": ["x"] * 384},
        {"embedding": [1e300] * 384},
        {"colour": "red"},
    ],
)
async def test_a_bad_search_is_refused(aidb: Api, path: str, change: dict[str, Any]) -> None:
    assert (await aidb("POST", path, json={"query": "kernel"} | change)).status == 400


async def test_a_vector_search_needs_a_query_or_a_vector(aidb: Api) -> None:
    assert (await aidb("POST", "/vector/search", json={"limit": 5})).status == 400
    assert (await aidb("POST", "/vector/search", json={"query": "x", "min_score": 1.5})).status == 400
