"""Alert and recording rules: each alert fires when it should and keeps quiet when it should, on metrics that exist."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nix.alerts.cases import CASES
from nix.alerts.cases.case import Case
from nix.evaluate import EvaluationError, Machine
from nix.known_metrics import everything
from nix.monitored import MONITORED, alerts, groups, own, promtool
from nix.promql import metrics_in

#: Alerts of the original system, and more that each stack needs.
EXPECTED = {
    "DatabasePoolExhausted",
    "DatabasePoolLeaking",
    "CircuitBreakerOpen",
    "CircuitBreakerHalfOpen",
    "TLSCertificateExpiringSoon",
    "TLSCertificateExpiryWarning",
    "HighErrorRate",
    "RedisConnectionFailures",
    "ServiceHealthCheckFailing",
    "QdrantSlowQueries",
    "EmbeddingServiceOverloaded",
    "VectorStorageGrowthHigh",
}


def needed(case: Case) -> list[dict[str, Any]]:
    """The rules of an alert: itself, and what it stands on. All of them at once take minutes."""
    rule = alerts()[case.alert]
    names = metrics_in(rule["expr"])
    component = case.labels.get("component")
    recorded = [
        {
            "name": group["name"],
            "rules": [
                one for one in group["rules"] if one.get("record") in names and one["labels"]["component"] == component
            ],
        }
        for group in groups()
    ]
    return [group for group in recorded if group["rules"]] + [{"name": "alert", "rules": [rule]}]


def unit_test(case: Case, series: Mapping[str, str], *, firing: bool) -> dict[str, Any]:
    rule = alerts()[case.alert]
    expected = {
        "exp_labels": {**rule["labels"], **case.labels},
        "exp_annotations": {**rule["annotations"], "summary": case.summary},
    }
    return {
        "interval": f"{case.step}m",
        "input_series": [{"series": name, "values": values} for name, values in series.items() if values],
        "alert_rule_test": [
            {"eval_time": f"{case.at}m", "alertname": case.alert, "exp_alerts": [expected] if firing else []}
        ],
    }


def test_the_rules_are_what_prometheus_accepts(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": groups()}))
    result = promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yml", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_prometheus_loads_one_file_with_all_rules() -> None:
    (file,) = MONITORED.get("config.services.prometheus.ruleFiles")
    assert file.endswith("ai-stack-rules.yml")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_fires_and_keeps_quiet(case: Case, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": needed(case)}))
    tests = [
        unit_test(case, case.fires, firing=True),
        unit_test(case, {**case.fires, **case.silent}, firing=False),
    ]
    document = {"rule_files": ["rules.yml"], "evaluation_interval": f"{case.step}m", "tests": tests}
    (tmp_path / "tests.yml").write_text(json.dumps(document))
    result = promtool("test", "rules", "tests.yml", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_has_a_case() -> None:
    assert {case.alert for case in CASES} == set(alerts())
    assert set(alerts()) >= EXPECTED


def test_every_metric_in_a_rule_exists(tmp_path: Path) -> None:
    rules = [rule for group in groups() for rule in group["rules"]]
    known = everything(tmp_path) | {rule["record"] for rule in rules if "record" in rule}
    used = {name: rule.get("alert", rule.get("record")) for rule in rules for name in metrics_in(rule["expr"])}
    assert {name: rule for name, rule in used.items() if name not in known} == {}


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for name, alert in alerts().items():
        assert alert["labels"]["severity"] in {"critical", "warning"}, name
        assert alert["annotations"]["runbook_url"].startswith(
            "https://ai.example.org:8443/grafana/d/ai-stack-runbooks?viewPanel=panel-"
        ), name
        assert "{{" not in alert["annotations"]["description"], name


def test_an_alert_of_the_stack_can_be_disabled_and_retuned_by_its_name() -> None:
    machine = Machine(
        """{ services.ai-stack = { enable = true; alerts = {
          HighLatency.enable = false;
          HighErrorRate = { for = "10m"; severity = "critical"; labels.team = "platform"; };
          EmbeddingQueueSlow.expr = "vector(0) > 1";
        }; }; }"""
    )
    found = alerts(machine)
    assert "HighLatency" not in found
    assert found["HighErrorRate"]["for"] == "10m"
    assert found["HighErrorRate"]["labels"] == {"severity": "critical", "team": "platform"}
    assert found["EmbeddingQueueSlow"]["expr"] == "vector(0) > 1"
    assert found["EmbeddingQueueSlow"]["labels"]["component"] == "embeddings"


def test_a_service_of_ones_own_brings_alerts_and_gets_those_of_every_service() -> None:
    machine = own('alerts.TranslationsStuck = { expr = "translator_waiting > 9"; summary = "They wait"; };')
    assert alerts(machine)["TranslationsStuck"] == {
        "alert": "TranslationsStuck",
        "expr": "translator_waiting > 9",
        "for": "5m",
        "labels": {"severity": "warning", "component": "translator"},
        "annotations": {"summary": "They wait"},
    }
    recorded = [rule for group in groups(machine) for rule in group["rules"] if "record" in rule]
    assert {rule["labels"]["component"] for rule in recorded} == {"translator"}
    assert any("translator_requests_total" in rule["expr"] for rule in recorded)


def test_the_objective_of_a_service_is_its_own() -> None:
    machine = own("slo = { availability = 0.99; latency = 0.25; };")
    constants = {
        rule["record"]: rule["expr"] for group in groups(machine) for rule in group["rules"] if "record" in rule
    }
    assert constants["ai_stack:error_budget:ratio"] == "vector(1 - 0.99)"
    assert constants["ai_stack:latency_objective_seconds"] == "vector(0.25)"
    with pytest.raises(EvaluationError, match="between 0 and 1"):
        groups(own("slo.availability = 99.9;"))


def test_what_does_not_run_here_has_no_alerts() -> None:
    found = alerts(own(""))
    assert not {"PostgresDown", "RedisDown", "QdrantSlowQueries", "AlertmanagerNotFound"} & set(found)
    gateway = {"GatewayDown", "TLSCertificateExpiringSoon"}
    assert gateway <= set(found)
    without = Machine("{ services.ai-stack = { enable = true; gateway.enable = false; }; }", framework=True)
    assert not gateway & set(alerts(without))


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("up == 0", {"up"}),
        ('rate(a_total{x="b{c}"}[5m]) / on (component) group_left (d) e:f', {"a_total", "e:f"}),
        ("sum by (le) (rate(a_bucket[5m])) and on () (b > bool 1) unless c offset 5m", {"a_bucket", "b", "c"}),
        ('label_replace(x, "a", "$1", "b", "(.+)")', {"x"}),
        ("histogram_quantile(0.95, sum(x))", {"x"}),
    ],
)
def test_names_are_read_out_of_expressions(expression: str, names: set[str]) -> None:
    assert metrics_in(expression) == names


@given(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(alphabet='ab{}[]() \\"', max_size=8))
def test_strings_hide_no_names(name: str, text: str) -> None:
    quoted = text.replace("\\", r"\\").replace('"', r"\"")
    expected = metrics_in(name)
    assert metrics_in(f'{name}{{label="{quoted}"}}') == expected
