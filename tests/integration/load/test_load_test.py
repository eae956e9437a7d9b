"""The load test without Locust: what it is pointed at, what it sends, and what it calls a failure."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from load import options, report
from load.payloads import CorpusError, Payloads, read_sentences
from load.scenarios import MIXES, SCENARIOS
from load.target import SERVICES, Target, TargetError, check, from_pairs
from load.thresholds import Outcome, ThresholdError, read, violations

SENTENCES = [f"the keeper number {number} lights the lamp at dusk" for number in range(50)]


def outcome(name: str = "aidb GET /health", *, requests: int = 100, failures: int = 0, p95: float = 9.0) -> Outcome:
    return Outcome(name, requests, failures, 5.0, 4.0, p95, 12.0, 15.0, 10.0, 256.0)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text("one\n\ntwo\n")
    return path


@pytest.mark.parametrize("url", ["https://ai.example.org", "http://10.0.0.2:8081", "http://localhost.example:1"])
def test_another_machine_is_refused_without_the_flag(url: str) -> None:
    target = Target({"aidb": url}, ["key"])
    with pytest.raises(TargetError, match="--allow-remote"):
        check(target, remote_allowed=False)
    check(target, remote_allowed=True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8091", "http://localhost:1", "https://[::1]:8443/aidb"])
def test_this_machine_needs_no_flag(url: str) -> None:
    check(Target({"aidb": url}, ["key"]), remote_allowed=False)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:80", "http://me:secret@127.0.0.1"])
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(TargetError) as refusal:
        check(Target({"aidb": url}, ["key"]), remote_allowed=True)
    assert "secret" not in str(refusal.value)


def test_the_embedded_stack_is_found_by_its_state_directory(tmp_path: Path, key_file: Path) -> None:
    with pytest.raises(TargetError, match="no stack is running"):
        options.chosen_target(options.parser().parse_args(["--state", str(tmp_path)]))
    record = {"services": {"aidb": "http://127.0.0.1:9"}, "api_key_file": str(key_file)}
    (tmp_path / "stack.json").write_text(json.dumps(record))
    found = options.chosen_target(options.parser().parse_args(["--state", str(tmp_path)]))
    assert found == Target({"aidb": "http://127.0.0.1:9"}, ["one", "two"])
    (tmp_path / "stack.json").write_text("{}")
    with pytest.raises(TargetError, match="damaged"):
        options.chosen_target(options.parser().parse_args(["--state", str(tmp_path)]))


def test_a_gateway_has_every_service_under_its_prefix(tmp_path: Path, key_file: Path) -> None:
    arguments = ["--gateway", "https://localhost:8443/", "--key-file", str(key_file), "--ca-file", str(tmp_path / "ca")]
    found = options.chosen_target(options.parser().parse_args(arguments))
    assert found.urls["hybrid-coordinator"] == "https://localhost:8443/hybrid"
    assert found.urls.keys() == set(SERVICES)
    assert found.ca_file == tmp_path / "ca"


def test_a_deployment_needs_a_key_file() -> None:
    with pytest.raises(TargetError, match="--key-file"):
        options.chosen_target(options.parser().parse_args(["--gateway", "https://localhost:8443"]))


def test_services_are_named_with_their_addresses() -> None:
    assert from_pairs(["aidb=http://127.0.0.1:1/"]) == {"aidb": "http://127.0.0.1:1"}
    for wrong in ("aidb", "other=http://127.0.0.1:1", "aidb="):
        with pytest.raises(TargetError, match="SERVICE=URL"):
            from_pairs([wrong])


@pytest.mark.parametrize("wrong", [["--users", "0"], ["--repeats", "1.5"], ["--pause", "3-1"], ["--mix", "other"]])
def test_wrong_numbers_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        options.parser().parse_args(["--state", "x", *wrong])


def test_every_mix_is_made_of_scenarios_of_known_services() -> None:
    assert {name for mix in MIXES.values() for kind in mix for name in kind} == SCENARIOS.keys()
    assert {scenario.service for scenario in SCENARIOS.values()} == set(SERVICES)
    assert all(scenario.path.startswith("/") for scenario in SCENARIOS.values())


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS.values() if each.body], ids=lambda each: each.name)
def test_no_two_bodies_are_alike_without_repeats(scenario: object) -> None:
    assert isinstance(scenario, type(SCENARIOS["embed"]))
    assert scenario.body is not None
    some = Payloads(SENTENCES, repeats=0, seed=1)
    bodies = [json.dumps(scenario.body(some)) for _ in range(50)]
    # Few sentences: chance repeats a short query now and then.
    assert len(set(bodies)) > 35


@given(st.floats(0, 1), st.integers())
def test_the_same_seed_sends_the_same(repeats: float, seed: int) -> None:
    first, again = (Payloads(SENTENCES, repeats=repeats, seed=seed) for _ in range(2))
    assert [first.query() for _ in range(9)] == [again.query() for _ in range(9)]
    assert first.document() == again.document()


def test_repeats_are_the_share_that_was_asked_for() -> None:
    some = Payloads(SENTENCES, repeats=1, seed=1)
    assert len({some.text() for _ in range(20)}) == 1
    mixed = Payloads([f"{number} {SENTENCES[0]} of {number}" for number in range(10**4)], repeats=0.5, seed=1)
    assert 400 < len({mixed.text() for _ in range(1000)}) < 600


def test_sentences_come_without_markup(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# Title\n\nThe `lamp` burns [whale oil](oil.md) at night. Short.\n\n```\ncode that no one reads aloud\n```\n"
    )
    assert read_sentences(tmp_path) == ["The lamp burns whale oil (oil.md) at night."]
    (tmp_path / "a.md").write_text("Short.")
    with pytest.raises(CorpusError, match="no sentences"):
        read_sentences(tmp_path)


def test_answers_are_looked_at() -> None:
    embed, augment = SCENARIOS["embed"], SCENARIOS["augment-query"]
    assert embed.wrong([[0.1] * 384]) is None
    assert embed.wrong([[0.1] * 3]) == embed.wrong([]) == "not one vector per text"
    assert augment.wrong({"degraded": True}) == "degraded"
    assert augment.wrong({"degraded": False}) is None


def test_a_limit_that_is_not_kept_is_named_with_its_figure() -> None:
    limits = {"*": {"failures": 0}, "aidb GET /health": {"p95_ms": 5, "requests": 200}}
    assert violations(limits, [outcome(), outcome("other", failures=1)]) == [
        "aidb GET /health: p95_ms 9, limit 5",
        "aidb GET /health: requests 100, limit 200",
        "other: failures 0.01, limit 0",
    ]
    assert violations({"*": {"failures": 0.01}}, [outcome(failures=1)]) == []
    assert violations({"aidb GET /health": {}}, []) == ["aidb GET /health: never sent"]


@pytest.mark.parametrize("text", ["", "[]", '{"*": 1}', '{"*": {"p94_ms": 1}}', '{"*": {"p95_ms": "1"}}'])
def test_a_file_that_is_not_of_thresholds_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "thresholds.json"
    path.write_text(text)
    with pytest.raises(ThresholdError):
        read(path)


def test_the_thresholds_that_ship_forbid_every_failure() -> None:
    assert violations(read(options.THRESHOLDS), [outcome(failures=1)])


def test_the_report_holds_every_request_and_no_key(tmp_path: Path) -> None:
    given_options = options.parser().parse_args(["--state", "x", "--users", "7"])
    report.write(tmp_path / "new", [outcome()], options.settings(given_options), ["e"], ["v"])
    facts = json.loads((tmp_path / "new" / "load-test.json").read_text())
    assert facts["requests"][0]["p95_ms"] == 9.0
    assert facts["settings"]["users"] == 7
    assert (facts["errors"], facts["violations"]) == (["e"], ["v"])
    with (tmp_path / "new" / "load-test.csv").open() as lines:
        (row,) = csv.DictReader(lines)
    assert row["name"] == "aidb GET /health"
    assert "aidb GET /health   100       0" in report.table([outcome()])
