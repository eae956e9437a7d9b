"""Dashboards: generated from data, valid, and about metrics that exist."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from nix.evaluate import REPOSITORY, EvaluationError, Machine
from nix.known_metrics import everything
from nix.monitored import MONITORED, alerts, groups, own, promtool
from nix.promql import metrics_in

COLUMNS = 24


def rendered(machine: Machine = MONITORED) -> dict[str, dict[str, Any]]:
    """Every dashboard as Grafana reads it, by uid."""
    found: dict[str, dict[str, Any]] = machine.get("config.services.ai-stack.dashboards")
    return {uid: dashboard["rendered"] for uid, dashboard in found.items()}


def queries(machine: Machine = MONITORED) -> list[tuple[str, str, str]]:
    """Dashboard, panel and expression of every query to Prometheus."""
    return [
        (uid, panel["title"], target["expr"])
        for uid, dashboard in rendered(machine).items()
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
        if target["datasource"]["type"] == "prometheus"
    ]


def titles(dashboard: dict[str, Any]) -> list[str]:
    return [panel["title"] for panel in dashboard["panels"]]


def test_the_overview_has_the_six_panels_of_the_original() -> None:
    overview = rendered()["ai-stack-overview"]
    assert overview["title"] == "AI Stack Overview"
    assert overview["refresh"] == "10s"
    assert titles(overview) == [
        "HTTP Requests (req/s)",
        "HTTP Errors (req/s)",
        "HTTP Latency p95 (s)",
        "Process Memory (MB)",
        "Circuit Breaker State",
        "Embeddings Model Load (s)",
    ]


def test_every_service_the_machine_and_the_stores_have_a_dashboard() -> None:
    services = {
        f"ai-stack-{name}" for name in ("embeddings", "aidb", "hybrid-coordinator", "nixos-docs", "status-page")
    }
    others = {f"ai-stack-{name}" for name in ("overview", "machine", "stores", "runbooks")}
    assert set(rendered()) == services | others


def test_a_service_of_ones_own_has_one_too_with_panels_of_its_own() -> None:
    found = rendered(own('dashboard.panels = [ { title = "Words"; queries = [ { expr = "words"; } ]; } ];'))
    assert titles(found["ai-stack-translator"])[-1] == "Words"
    assert "Requests" in titles(found["ai-stack-translator"])
    assert "Embeddings Model Load (s)" not in titles(found["ai-stack-overview"])


def test_a_server_that_does_not_measure_itself_has_none() -> None:
    assert "ai-stack-translator" not in rendered(own('runtime = "other";'))


def test_of_a_server_with_measurements_of_its_own_only_what_it_declares_is_asked() -> None:
    panels = 'dashboard.panels = [ { title = "X"; queries = [ { expr = "x"; } ]; } ];'
    machine = own('runtime = "other"; metrics.enable = true;' + panels)
    assert titles(rendered(machine)["ai-stack-translator"]) == ["Up", "Restarts", "X"]


def test_identifiers_are_unique_and_panels_do_not_overlap() -> None:
    for uid, dashboard in rendered().items():
        assert dashboard["uid"] == uid
        identifiers = [panel["id"] for panel in dashboard["panels"]]
        assert identifiers == list(range(1, len(identifiers) + 1))
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            grid = panel["gridPos"]
            assert grid["x"] + grid["w"] <= COLUMNS, (uid, panel["title"])
            cells = set(
                itertools.product(range(grid["x"], grid["x"] + grid["w"]), range(grid["y"], grid["y"] + grid["h"]))
            )
            assert not cells & taken, (uid, panel["title"])
            taken |= cells
    names = [dashboard["title"] for dashboard in rendered().values()]
    assert len(set(names)) == len(names)


def test_grafana_reads_them_from_one_folder_that_nobody_changes() -> None:
    (provider,) = MONITORED.get("config.services.grafana.provision.dashboards.settings.providers")
    assert provider["options"]["path"].endswith("ai-stack-dashboards")
    assert (provider["allowUiUpdates"], provider["disableDeletion"]) == (False, True)


def test_every_metric_in_a_panel_exists(tmp_path: Path) -> None:
    known = everything(tmp_path) | {rule["record"] for group in groups() for rule in group["rules"] if "record" in rule}
    unknown = {name: (uid, title) for uid, title, query in queries() for name in metrics_in(query) if name not in known}
    assert unknown == {}


def test_every_query_of_a_panel_is_valid(tmp_path: Path) -> None:
    # Any query is a recording rule, and promtool parses those.
    rules = [{"record": f"query_{index}", "expr": query} for index, (_, _, query) in enumerate(queries())]
    (tmp_path / "queries.yml").write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    result = promtool("check", "rules", "queries.yml", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_panel_asks_the_data_source_that_is_provisioned() -> None:
    sources = {
        source["uid"]: source["type"] for source in MONITORED.get("config.services.ai-stack.grafana.dataSources")
    }
    assert sources == {"ai-stack-prometheus": "prometheus", "ai-stack-traces": "jaeger", "ai-stack-logs": "loki"}
    for dashboard in rendered().values():
        for panel in dashboard["panels"]:
            if panel["type"] in {"row", "text"}:
                assert "targets" not in panel
            else:
                assert panel["targets"], panel["title"]
                assert sources[panel["datasource"]["uid"]] == ("loki" if panel["type"] == "logs" else "prometheus")
                assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


def test_the_link_of_an_alert_leads_to_its_runbook() -> None:
    panels = {panel["id"]: panel for panel in rendered()["ai-stack-runbooks"]["panels"]}
    for name, alert in alerts().items():
        panel = panels[int(alert["annotations"]["runbook_url"].rpartition("-")[2])]
        assert panel["title"] == name
        assert len(panel["options"]["content"]) > 40


def test_there_is_a_runbook_for_each_alert_and_for_nothing_else() -> None:
    text = (REPOSITORY / "docs" / "runbooks.md").read_text("utf-8")
    sections = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert sorted(sections) == sorted(alerts())
    anchors = {section.lower() for section in sections}
    assert set(re.findall(r"\(#([a-z]+)\)", text)) <= anchors


@pytest.mark.parametrize(
    ("panel", "message"),
    [
        ('{ title = "X"; querys = [ ]; }', "querys"),
        ('{ title = "X"; type = "pie"; }', "one of"),
        ('{ title = "X"; width = 25; }', "between 1 and 24"),
    ],
)
def test_a_mistake_in_a_panel_stops_evaluation(panel: str, message: str) -> None:
    with pytest.raises(EvaluationError) as refused:
        rendered(own(f"dashboard.panels = [ {panel} ];"))
    assert message in str(refused.value)


def test_a_dashboard_of_ones_own_is_one_option() -> None:
    machine = own(
        "", 'dashboards.words = { title = "Words"; panels = [ { title = "A"; queries = [ { expr = "up"; } ]; } ]; };'
    )
    words = rendered(machine)["words"]
    assert words["panels"][0]["gridPos"] == {"x": 0, "y": 0, "w": 12, "h": 8}
    bad = own("", 'dashboards."a b" = { title = "x"; };')
    assert any("a uid has 1 to 40 letters" in problem for problem in bad.problems())
