"""Every collection is stored to, searched by itself, and searched for prompts."""

from typing import Any

import pytest

from support.http import Api

from .fakes import Others

ITEMS: dict[str, dict[str, Any]] = {
    "codebase-context": {
        "file_path": "firewall.nix",
        "code_snippet": "networking.firewall.allowedTCPPorts = [ 80 ];",
        "language": "nix",
        "purpose": "open a port in the firewall",
    },
    "skills-patterns": {
        "skill_name": "open a port in the firewall",
        "description": "for a service",
        "usage_pattern": "list it and rebuild",
    },
    "error-solutions": {
        "error_message": "the port in the firewall is not open",
        "error_type": "network",
        "solution": "list the port",
        "solution_verified": True,
    },
    "best-practices": {
        "category": "security",
        "title": "open a port in the firewall",
        "description": "only where needed",
    },
}
QUESTION = "How do I open a port in the firewall?"


async def put_all(hybrid: Api) -> None:
    for name, item in ITEMS.items():
        answer = await hybrid("POST", f"/collections/{name}/items", json=item)
        assert answer.status == 200, answer.body
        assert answer.json["collection"] == name


async def search(hybrid: Api, **body: Any) -> Any:
    answer = await hybrid("POST", "/search", json={"query": QUESTION, **body})
    assert answer.status == 200, answer.body
    return answer.json


async def test_all_collections_are_searched_at_once_the_best_first(hybrid: Api) -> None:
    await put_all(hybrid)
    answer = await search(hybrid, min_similarity=0.2)
    assert {result["collection"] for result in answer["results"]} == set(ITEMS)
    assert answer["total"] == len(ITEMS)
    scores = [result["score"] for result in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    assert all(result["usefulness"] == 0.5 and result["uses"] == 0 for result in answer["results"])


async def test_one_collection_is_searched_when_one_is_named(hybrid: Api) -> None:
    await put_all(hybrid)
    answer = await search(hybrid, collections=["error-solutions"], min_similarity=0.0)
    assert answer["collections_searched"] == ["error-solutions"]
    (result,) = answer["results"]
    assert result["title"] == "the port in the firewall is not open"
    assert "Solution (verified): list the port" in result["text"]


async def test_what_is_too_far_away_is_not_found(hybrid: Api) -> None:
    await put_all(hybrid)
    assert (await search(hybrid, query="duck and wine"))["results"] == []
    assert (await search(hybrid, min_similarity=1.0))["results"] == []


async def test_every_collection_contributes_to_prompts(hybrid: Api) -> None:
    await put_all(hybrid)
    answer = await hybrid("POST", "/augment_query", json={"query": QUESTION})
    collections = {source["collection"] for source in answer.json["sources"] if source["service"] == "qdrant"}
    assert collections == set(ITEMS)


async def test_searching_needs_embeddings(hybrid: Api, fakes: Others) -> None:
    fakes.embeddings.mode = "error"
    answer = await hybrid("POST", "/search", json={"query": QUESTION})
    assert answer.status == 503
    assert "embeddings" in answer.json["error"]


@pytest.mark.parametrize(
    ("body", "field"),
    [({"collections": ["nothing"]}, "collections"), ({"collections": []}, "collections"), ({"limit": 0}, "limit")],
)
async def test_bad_searches_are_refused_by_field(hybrid: Api, body: dict[str, Any], field: str) -> None:
    answer = await hybrid("POST", "/search", json={"query": QUESTION, **body})
    assert answer.status == 400
    assert field in answer.json["error"]
