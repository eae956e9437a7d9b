"""`ai-stack doctor`: each fault is made, found, and told apart from health."""

import asyncio
import json
import shutil
import socket
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from ai_stack.cli import checks
from ai_stack.cli.checks import CHECKS, Fault, Subject
from ai_stack.cli.main import app
from ai_stack.cli.status import ChildStatus, StackStatus
from ai_stack.local import blueprint, processes
from ai_stack.local.errors import LocalError
from ai_stack.local.keyfile import add_key
from ai_stack.local.postgres_binaries import Binaries
from ai_stack.local.record import StackRecord, read_record, write_record
from support.fake_stack import FakeStack

STOPPED = StackStatus("stopped", None, [], None)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory as `up` makes it."""
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    blueprint.user_key(directory / "api-key", directory / "api-keys.json")
    return directory


def found(
    name: str,
    state: Path,
    status: StackStatus = STOPPED,
    readiness: Mapping[str, Mapping[str, object] | None] | None = None,
) -> Fault | None:
    return CHECKS[name](Subject(state, status, readiness or {}))


def running(*children: ChildStatus) -> StackStatus:
    return StackStatus("running", 1, list(children), None)


def child(state: str = "ready", restarts: int = 0) -> ChildStatus:
    return ChildStatus("aidb", state, None, 7, restarts, None)


def of(fault: Fault | None) -> str:
    assert fault is not None
    assert fault.remedy
    return fault.what


@pytest.mark.parametrize("name", CHECKS)
def test_a_machine_in_order_has_no_faults(name: str, state: Path) -> None:
    assert found(name, state) is None


@pytest.mark.parametrize("name", [name for name in CHECKS if name not in ("PostgreSQL", "Valkey", "embedding model")])
def test_before_the_first_start_nothing_is_a_fault(name: str, tmp_path: Path) -> None:
    assert found(name, tmp_path / "none") is None


def test_a_state_directory_that_others_can_read_is_found(state: Path) -> None:
    state.chmod(0o755)
    assert "can be read by others" in of(found("state directory", state))


def test_a_state_directory_that_is_none_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "not a directory of yours" in of(found("state directory", tmp_path / "file"))


def test_a_full_disk_is_found(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 5 << 20))
    assert "Only 5 MiB are free" in of(found("disk", state))


def test_a_lack_of_memory_is_found_before_a_start(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "available_memory", lambda: 100 << 20)
    assert "Only 100 MiB" in of(found("memory", state))
    assert found("memory", state, running()) is None


def test_missing_programs_are_found(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise LocalError("no such program found: install it")

    monkeypatch.setattr(checks, "find_binaries", missing)
    monkeypatch.setattr(checks, "find_binary", missing)
    assert of(found("PostgreSQL", state)) == "No such program found."
    assert of(found("Valkey", state)) == "No such program found."


def test_a_database_of_another_version_is_found(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = state / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("14\n")
    (state / "credentials").mkdir()
    (state / "credentials" / "postgres-superuser").write_text("x")

    class Cluster:
        def __init__(self, _state: Path) -> None:
            self.data = data
            self.binaries = Binaries(Path("/nowhere"))

    monkeypatch.setattr(checks, "Postgres", Cluster)
    monkeypatch.setattr(Binaries, "major", lambda _: 18)
    assert "made by PostgreSQL 14, and version 18" in of(found("database", state))
    (data / "PG_VERSION").write_text("18\n")
    assert found("database", state) is None


def test_a_model_that_is_not_whole_is_found(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (model / name).write_text("x")
    monkeypatch.setattr(blueprint, "model_directory", lambda: model)
    assert found("embedding model", state) is None
    (model / "model.safetensors").write_text("")
    assert "model.safetensors is missing or empty" in of(found("embedding model", state))


def test_a_missing_model_is_found(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blueprint, "MODEL_PACKAGE", "no_such_package")
    assert "missing" in of(found("embedding model", state))


def test_a_key_that_the_services_do_not_accept_is_found(state: Path) -> None:
    (state / "api-keys.json").write_text("[]")
    assert "do not accept" in of(found("API keys", state))


def test_a_damaged_key_file_is_found(state: Path) -> None:
    (state / "api-keys.json").write_text("{")
    assert "cannot be read" in of(found("API keys", state))


def test_a_key_that_others_can_read_is_found(state: Path) -> None:
    add_key(state / "api-keys.json", "another", ["read"])
    (state / "api-key").chmod(0o644)
    assert "Others can read" in of(found("API keys", state))


def test_a_stack_that_was_killed_is_found(state: Path) -> None:
    write_record(state, StackRecord(services={}, api_key_file=state / "api-key", pids={}, children={}))
    assert "was not stopped in order" in of(found("last stop", state))
    assert found("last stop", state, running()) is None


def test_a_port_that_another_program_has_is_found(state: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        (state / "config").mkdir()
        (state / "config" / "aidb.json").write_text(json.dumps({"port": taken.getsockname()[1]}))
        assert "aidb" in of(found("ports", state))
        assert found("ports", state, running()) is None


@pytest.mark.parametrize("broken", [child("restarting"), child("ready", restarts=5)])
def test_a_child_that_does_not_stay_up_is_found_with_its_last_words(state: Path, broken: ChildStatus) -> None:
    (state / "log").mkdir()
    (state / "log" / "aidb.log").write_text("aidb: postgres_host: no such key\n")
    assert "no such key" in of(found("processes", state, running(broken)))
    assert found("processes", state, running(child())) is None


def test_a_service_without_its_dependency_is_found() -> None:
    answer = {
        "status": "unhealthy",
        "message": "critical dependencies failed: postgres",
        "details": {
            "postgres": {"status": "unhealthy", "error": "connection"},
            "redis": {"status": "healthy"},
        },
    }
    fault = found("services", Path("/nowhere"), running(), {"aidb": answer})
    assert of(fault) == "aidb is without postgres (connection)."
    assert fault is not None
    assert "ai-stack logs postgres" in fault.remedy


def test_a_service_that_does_not_answer_is_found() -> None:
    assert of(found("services", Path("/nowhere"), running(), {"aidb": None})) == "aidb does not answer."


def test_a_service_with_a_reason_of_its_own_is_found() -> None:
    answer = {"status": "unhealthy", "message": "start-up has not ended", "details": {}}
    assert "start-up has not ended" in of(found("services", Path("/nowhere"), running(), {"aidb": answer}))


def test_the_command_prints_what_is_wrong_and_ends_with_1(state: Path) -> None:
    (state / "api-keys.json").write_text("[]")
    result = CliRunner().invoke(app, ["doctor", "--state", str(state)])
    assert result.exit_code == 1
    assert "FAULT  API keys: The services do not accept" in result.output
    assert "ok     disk" in result.output


def test_the_command_ends_with_0_when_all_is_well(state: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", "--json", "--state", str(state)])
    content = json.loads(result.output)
    assert content["healthy"] is True
    assert [entry["name"] for entry in content["checks"]] == list(CHECKS)
    assert result.exit_code == 0


async def test_running_services_are_asked(fake: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ready(_: web.Request) -> web.Response:
        return web.json_response(
            {"status": "degraded", "details": {"embeddings": {"status": "unhealthy", "error": "timeout"}}}
        )

    async def runs(_: Path) -> StackStatus:
        return running()

    fake.check_key = False
    fake.routes = {"GET /health/ready": ready}
    monkeypatch.setattr("ai_stack.cli.doctor.stack_status", runs)
    assert read_record(fake.state) is not None
    result = await asyncio.to_thread(CliRunner().invoke, app, ["doctor", "--state", str(fake.state)])
    assert "is without embeddings (timeout)." in result.output
