from typing import Any
from urllib.parse import quote

import pytest

from support.fuzz import fuzz
from support.http import Keys

from .conftest import RunDocs


async def test_an_option_is_found_and_described(run_docs: RunDocs, catalogue: dict[str, Any]) -> None:
    async with run_docs(**catalogue) as client:
        answer = await client("POST", "/options/search", json={"query": "which port is open", "limit": 1})
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json
    assert body["options"][0].pop("relevance") > 0
    assert body == {
        "query": "which port is open",
        "release": "25.05",
        "total": 1,
        "options": [
            {
                "name": "networking.firewall.openPort",
                "type": "list of 16 bit unsigned integer",
                "default": "[ ]",
                "example": "[ 22 ]",
                "description": "The port that is open.\n\nMore.",
                "declarations": ["nixos/modules/firewall.nix"],
                "read_only": False,
                "alias_of": None,
                "url": "https://nixos.org/manual/nixos/stable/options#opt-networking.firewall.openPort",
            }
        ],
        "degraded": False,
        "corrections": {},
    }


async def test_an_option_is_got_by_its_name_or_a_concrete_one(run_docs: RunDocs, catalogue: dict[str, Any]) -> None:
    async with run_docs(**catalogue) as client:
        for name in ("networking.hosts.<name>.names", "networking.hosts.router.names", 'networking.hosts."a/b".names'):
            answer = await client("GET", f"/options/{quote(name, safe='')}")
            assert answer.status == 200
            assert answer.json["option"]["name"] == "networking.hosts.<name>.names"
            assert answer.json["option"]["url"] is None
            assert answer.json["children"] == []


async def test_an_option_is_described_with_what_is_below(run_docs: RunDocs, catalogue: dict[str, Any]) -> None:
    async with run_docs(**catalogue) as client:
        option = (await client("GET", "/options/networking.hosts")).json
        assert option["option"]["type"] == "attribute set of (submodule)"
        assert option["children"] == [
            {"name": "networking.hosts.<name>.names", "type": "list of string", "description": "Names."}
        ]
        prefix = (await client("GET", "/options/networking")).json
        assert (prefix["name"], prefix["option"], prefix["total_children"]) == ("networking", None, 3)
        assert prefix["children"][1]["description"] == "The port that is open."


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("networking.firewall.openports", "nearest are networking.firewall.openPort"),
        ("networking.ports", "is called networking.firewall.openPort"),
        ("networking.gone", "was removed from NixOS 25.05: No use."),
        ("system.nixos.release.x", "there is no option"),
    ],
)
async def test_what_is_missing_is_404_and_told_with_what_there_is(
    name: str, told: str, run_docs: RunDocs, catalogue: dict[str, Any]
) -> None:
    async with run_docs(**catalogue) as client:
        answer = await client("GET", f"/options/{name}")
    assert answer.status == 404
    assert told in answer.json["error"]


async def test_a_snippet_is_checked_line_by_line(run_docs: RunDocs, catalogue: dict[str, Any]) -> None:
    snippet = """{ lib, ... }: {
      networking.firewall = { openPort = [ 22 ]; openPorts = [ 80 ]; };
      networking.ports = [ 1 ];
      networking.gone = true;
      networking.hosts."a.b".names = lib.mkForce [ ];
    }"""
    async with run_docs(**catalogue) as client:
        answer = await client("POST", "/options/check", json={"snippet": snippet})
    assert answer.status == 200
    assert (answer.json["ok"], answer.json["checked"], answer.json["release"]) == (False, 5, "25.05")
    assert [(item["path"], item["line"], item["status"]) for item in answer.json["results"]] == [
        ("networking.firewall.openPort", 2, "exists"),
        ("networking.firewall.openPorts", 2, "unknown"),
        ("networking.ports", 3, "renamed"),
        ("networking.gone", 4, "removed"),
        ('networking.hosts."a.b".names', 5, "exists"),
    ]
    assert answer.json["results"][1]["nearest"][0] == "networking.firewall.openPort"
    assert answer.json["results"][2]["replacement"] == "networking.firewall.openPort"


async def test_a_list_of_options_is_checked(run_docs: RunDocs, catalogue: dict[str, Any]) -> None:
    async with run_docs(**catalogue) as client:
        answer = await client("POST", "/options/check", json={"options": ["networking.hosts.a.names"]})
        assert answer.json["ok"] is True
        assert answer.json["results"][0]["option"] == "networking.hosts.<name>.names"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"snippet": "a", "options": ["a"]}, 400),
        ({"options": [""]}, 400),
        ({"snippet": "x" * 100_001}, 400),
        ({"snippet": "(" * 5000}, 422),
    ],
)
async def test_what_cannot_be_checked_is_refused(
    body: dict[str, Any], status: int, run_docs: RunDocs, catalogue: dict[str, Any]
) -> None:
    async with run_docs(**catalogue) as client:
        assert (await client("POST", "/options/check", json=body)).status == status


async def test_long_snippets_are_checked_in_part_and_say_so(run_docs: RunDocs, catalogue: dict[str, Any]) -> None:
    snippet = "".join(f"networking.hosts.h{number}.names = 1;\n" for number in range(1001))
    async with run_docs(**catalogue) as client:
        answer = await client("POST", "/options/check", json={"snippet": snippet})
    assert (answer.json["checked"], answer.json["truncated"]) == (1000, True)


async def test_a_package_is_found_by_its_program(run_docs: RunDocs, catalogue: dict[str, Any]) -> None:
    async with run_docs(**catalogue) as client:
        answer = await client("POST", "/packages/search", json={"query": "hello"})
    package = answer.json["packages"][0]
    assert package.pop("relevance") > 0
    assert package == {
        "attribute": "hello",
        "name": "hello",
        "version": "2.12",
        "description": "Program that greets",
        "homepage": None,
        "licenses": ["GPL-3.0"],
        "main_program": "hello",
    }


async def test_an_index_without_options_says_so(run_docs: RunDocs) -> None:
    async with run_docs() as client:
        for method, path, body in [
            ("POST", "/options/search", {"query": "x"}),
            ("POST", "/options/check", {"options": ["x"]}),
            ("GET", "/options/x", None),
            ("POST", "/packages/search", {"query": "x"}),
        ]:
            answer = await client(method, path, json=body)
            assert answer.status == 404
            assert "this index has no" in answer.json["error"]


async def test_only_readers_may_ask(run_docs: RunDocs, catalogue: dict[str, Any], keys: Keys) -> None:
    async with run_docs(**catalogue) as client:
        for method, path in [
            ("POST", "/options/search"),
            ("POST", "/options/check"),
            ("GET", "/options/x"),
            ("POST", "/packages/search"),
            ("DELETE", "/cache"),
        ]:
            assert (await client.with_key(None)(method, path)).status == 401
        assert (await client("DELETE", "/cache")).status == 403


async def test_answers_are_remembered_and_forgotten_on_demand(
    run_docs: RunDocs, catalogue: dict[str, Any], keys: Keys
) -> None:
    async with run_docs(**catalogue) as client:
        admin = client.with_key(keys.admin)
        first = await client("POST", "/options/search", json={"query": "port"})
        again = await client("POST", "/options/search", json={"query": "port"})
        assert again.body == first.body
        answers = (await client("GET", "/cache/stats")).json["caches"]["answers"]
        assert (answers["entries"], answers["hits"], answers["misses"]) == (1, 1, 1)
        assert answers["bytes"] == len(first.body)
        assert (await admin("DELETE", "/cache", params={"namespace": "query-vectors"})).json == {
            "cleared": {"query-vectors": 0}
        }
        assert (await admin("DELETE", "/cache")).json == {"cleared": {"answers": 1, "query-vectors": 0}}
        assert (await admin("DELETE", "/cache", params={"namespace": "index"})).status == 400
        assert (await client("GET", "/cache/stats")).json["caches"]["answers"]["entries"] == 0


async def test_a_renewed_index_gives_new_answers(run_docs: RunDocs, catalogue: dict[str, Any], keys: Keys) -> None:
    async with run_docs(**catalogue) as client:
        assert (await client("POST", "/options/search", json={"query": "tunnel"})).json["options"] == []
        catalogue["options"].write_text('{"services.vpn.enable": {"type": "boolean", "description": "A tunnel."}}')
        assert (await client.with_key(keys.admin)("POST", "/sync")).json["index"]["options"] == 1
        found = await client("POST", "/options/search", json={"query": "tunnel"})
        assert found.json["options"][0]["name"] == "services.vpn.enable"
        assert found.json["release"] is None


async def test_what_is_in_the_index_is_measured(run_docs: RunDocs, catalogue: dict[str, Any]) -> None:
    async with run_docs(**catalogue) as client:
        await client("POST", "/packages/search", json={"query": "hello"})
        text = (await client("GET", "/metrics")).body.decode()
        index = (await client("GET", "/health")).json["index"]
    for line in (
        "nixos_docs_index_options 4",
        "nixos_docs_index_packages 1",
        'nixos_docs_search_seconds_count{kind="packages"} 1',
        'nixos_docs_cache_misses_total{cache="answers"} 1',
        "nixos_docs_vectors_ready 0",
    ):
        assert line in text
    assert (index["options"], index["packages"], index["release"]) == (4, 1, "25.05")


async def test_no_generated_request_gets_an_undocumented_answer(
    run_docs: RunDocs, catalogue: dict[str, Any], keys: Keys, tmp_path: Any
) -> None:
    limits = {"interactive": None, "ingest": None}
    async with run_docs(rate_limits=limits, **catalogue) as client:
        # The protocol has its own rules for what is an error, and 202 without content.
        await fuzz(client.base, keys.admin, directory=tmp_path, exclude=("/mcp",))
