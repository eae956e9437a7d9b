"""Dashboards of services show something: their queries are asked over what a running stack measures."""

import asyncio
import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nix.monitored import MONITORED, groups, promtool
from support.http import api
from support.stack import RunningStack, running_stack
from support.waiting import eventually

#: Of exporters, which an embedded stack does not have.
OTHERS = frozenset(("ai-stack-machine", "ai-stack-stores", "ai-stack-runbooks"))
#: Panels that are empty while all is well, and why.
QUIET = {
    "Restarts": "counted by node exporter",
    "Failed calls to dependencies": "nothing fails here",
    "Answers without a dependency": "nothing fails here",
    "Deleted by the garbage collection": "nothing is old here",
    "Answers and vectors from the cache": "nixos-docs has no Redis in an embedded stack",
    "Who answers, and why": "there is no model to chat with",
}
SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
#: What promtool shows where it got something and nothing was expected.
GOT = re.compile(
    r'expr: (?P<quoted>"(?:[^"\\]|\\.)*"), time: \w+,\s+exp: nil\s+got: (?P<samples>.*?)(?=\n\s+expr: |\Z)', re.DOTALL
)
#: A value at the end of a line; NaN, of a quantile of nothing, is none.
NUMBER = re.compile(r" [-+]?\d\S*$", re.MULTILINE)
MINUTES = 20
AT = "15m"


@dataclass(frozen=True)
class Panel:
    """A panel with queries to Prometheus."""

    dashboard: str
    title: str
    queries: tuple[str, ...]


def panels() -> list[Panel]:
    boards: dict[str, Any] = MONITORED.get("config.services.ai-stack.dashboards")
    found = [
        Panel(
            uid,
            panel["title"],
            tuple(one["expr"] for one in panel.get("targets", ()) if one["datasource"]["type"] == "prometheus"),
        )
        for uid, board in boards.items()
        if uid not in OTHERS
        for panel in board["rendered"]["panels"]
    ]
    return [panel for panel in found if panel.queries]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    directory = tmp_path_factory.mktemp("stack")
    corpus = directory / "corpus"
    corpus.mkdir()
    (corpus / "lamp.md").write_text("# Lamp\n\nThe lamp of the lighthouse burns whale oil.\n")
    with running_stack(directory / "state", corpus) as stack:
        yield stack


async def use(stack: RunningStack) -> None:
    """Ask each service what it is there for, twice, and for something that is not there."""
    line = '{"path": "horn.md", "content": "# Horn\\n\\nThe keeper sounds it in fog.\\n"}\n'
    question: Any = {"query": "what does the lamp burn?"}
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("hybrid-coordinator", "/augment_query", {"json": question}),
        ("hybrid-coordinator", "/augment_query", {"json": question}),
        ("hybrid-coordinator", "/interactions", {"json": {**question, "response": "Whale oil."}}),
        ("hybrid-coordinator", "/gc", {"json": {"dry_run": False}}),
        ("aidb", "/search", {"json": {"query": "whale oil"}}),
        ("aidb", "/search", {"json": {"query": "whale oil"}}),
        ("aidb", "/documents/import", {"data": line, "headers": {"Content-Type": "application/x-ndjson"}}),
        ("embeddings", "/embed", {"json": {"inputs": ["whale oil"]}}),
        ("nixos-docs", "/search", {"json": {"query": "lamp"}}),
        ("nixos-docs", "/search", {"json": {"query": "lamp"}}),
        ("nixos-docs", "/options/search", {"json": {"query": "services.ai-stack"}}),
    ]
    for name, path, request in asked:
        async with api(stack.services[name], stack.key) as call:
            answer = await call("POST", path, **request)
        assert answer.status < 300, (name, path, answer.body)
    for name, url in stack.services.items():
        async with api(url, stack.key) as call:
            assert (await call("GET", "/nothing")).status == 404, name


def series(stack: RunningStack) -> list[dict[str, str]]:
    """What Prometheus would have after some minutes with the same work in each, in the notation of promtool."""
    found = []
    for name, url in stack.services.items():
        scraped = f'component="{name}",instance="i",job="ai-stack-{name}"'
        found.append({"series": f"up{{{scraped}}}", "values": f"1x{MINUTES}"})
        with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        gauges = set(re.findall(r"^# TYPE (\S+) gauge$", text, re.MULTILINE))
        for line in text.splitlines():
            sample = SAMPLE.fullmatch(line)
            if sample is None:
                continue
            labels = f"{sample['labels']},{scraped}" if sample["labels"] else scraped
            value = sample["value"] if sample["name"] in gauges else f"0+{sample['value']}"
            found.append({"series": f"{sample['name']}{{{labels}}}", "values": f"{value}x{MINUTES}"})
    return found


def answered(queries: set[str], measured: list[dict[str, str]], directory: Path) -> set[str]:
    """Return the queries that give at least one number: promtool complains of each, being told to expect none."""
    recorded = [{**group, "rules": [rule for rule in group["rules"] if "record" in rule]} for group in groups()]
    (directory / "rules.yml").write_text(json.dumps({"groups": [group for group in recorded if group["rules"]]}))
    tests = [{"expr": query, "eval_time": AT, "exp_samples": []} for query in sorted(queries)]
    document = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": measured, "promql_expr_test": tests}],
    }
    (directory / "tests.yml").write_text(json.dumps(document))
    result = promtool("test", "rules", "tests.yml", cwd=directory)
    found = GOT.finditer(result.stdout + result.stderr)
    return {json.loads(each["quoted"]) for each in found if NUMBER.search(each["samples"])}


async def test_every_panel_of_a_service_has_data(stack: RunningStack, tmp_path: Path) -> None:
    await use(stack)
    shown = [panel for panel in panels() if panel.title not in QUIET]
    missing: list[Panel] = shown

    async def all_have_some() -> bool:
        # Interactions are stored, and imports done, after the answer.
        nonlocal missing
        measured = await asyncio.to_thread(series, stack)
        queries = {query for panel in missing for query in panel.queries}
        have = await asyncio.to_thread(answered, queries, measured, tmp_path)
        missing = [panel for panel in missing if not have.intersection(panel.queries)]
        return not missing

    try:
        await eventually(all_have_some)
    except AssertionError:
        raise AssertionError("\n".join(map(str, missing))) from None


def test_panels_that_may_be_empty_exist() -> None:
    assert QUIET.keys() <= {panel.title for panel in panels()}
