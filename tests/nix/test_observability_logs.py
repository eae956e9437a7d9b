"""Logs in Grafana: from the journal to Loki, only those of the stack, and linked to traces in both directions."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from nix.evaluate import EvaluationError, Machine
from nix.monitored import MONITORED, alerts, own
from nix.security import exposure

LOGS = "logs.enable = true;"
TEMPO = own("", LOGS + 'tracing.backend = "tempo";')


def loki(machine: Machine = MONITORED) -> dict[str, Any]:
    found: dict[str, Any] = machine.get("config.services.loki.configuration")
    return found


def vector(machine: Machine = MONITORED) -> dict[str, Any]:
    found: dict[str, Any] = machine.get("config.services.vector.settings")
    return found


def names(machine: Machine = MONITORED) -> dict[str, str]:
    """The label `service` by unit, as the transform has it."""
    table = re.search(r"get!\((\{.*\}), \[unit\]\)", vector(machine)["transforms"]["lines"]["source"])
    assert table
    found: dict[str, str] = json.loads(table[1])
    return found


def source(machine: Machine, uid: str) -> dict[str, Any]:
    (found,) = [
        source for source in machine.get("config.services.ai-stack.grafana.dataSources") if source["uid"] == uid
    ]
    return dict(found)


def with_vector(version: str) -> Machine:
    overlay = f'(final: prev: {{ vector = prev.vector // {{ version = "{version}"; }}; }})'
    return Machine(
        f"{{ nixpkgs.overlays = [ {overlay} ]; services.ai-stack = {{ enable = true; {LOGS} }}; }}", framework=True
    )


def test_without_the_option_there_is_nothing_of_it() -> None:
    machine = own("")
    assert not {"loki.service", "vector.service"} & machine.units().keys()
    assert not {"LogsNotShipped", "LogStoreFailing"} & alerts(machine).keys()
    assert "jsonData" not in source(machine, "ai-stack-traces")
    panels = machine.get("config.services.ai-stack.dashboards.ai-stack-translator.panels")
    assert "logs" not in {panel["type"] for panel in panels}


@pytest.mark.parametrize("machine", [MONITORED, TEMPO, own("", LOGS + "grafana.enable = false;")])
def test_with_it_nothing_is_missing_and_nothing_clashes(machine: Machine) -> None:
    assert machine.problems() == []
    assert {"loki.service", "vector.service"} <= machine.units().keys()


# What runs


@pytest.mark.parametrize("name", ["loki", "vector"])
def test_both_are_hardened_as_far_as_the_services(name: str, tmp_path: Path) -> None:
    unit = f"{name}.service"
    assert exposure(tmp_path, unit, MONITORED.units()[unit]) <= 1.5
    assert MONITORED.unit(unit).value("IPAddressDeny") == "any"
    assert MONITORED.unit(unit).values("IPAddressAllow") == ["localhost"]


def test_loki_knows_no_tenants_and_listens_on_loopback_alone() -> None:
    settings = loki()
    assert settings["auth_enabled"] is False
    assert settings["server"]["http_listen_address"] == settings["server"]["grpc_listen_address"] == "127.0.0.1"
    assert settings["common"]["instance_addr"] == "127.0.0.1"
    assert vector()["sinks"]["measurements"]["address"] == "127.0.0.1:9598"
    assert "loki" not in MONITORED.get("config.services.ai-stack.gateway.routes")
    assert MONITORED.get("firewall") == []


def test_lines_go_by_their_age_alone() -> None:
    settings = loki(own("", LOGS + 'logs.retention = "8w";'))
    assert settings["limits_config"] == {"retention_period": "8w", "deletion_mode": "disabled"}
    assert settings["compactor"]["retention_enabled"] is True
    # the least that Loki's manual allows is a day
    with pytest.raises(EvaluationError, match=r"logs\.retention"):
        loki(own("", LOGS + 'logs.retention = "12h";'))


def test_the_limits_and_the_ports_count() -> None:
    machine = own("", LOGS + 'logs.memoryMax = "1G"; logs.shipperMemoryMax = "100M";')
    memory = machine.get("config.services.ai-stack.memory")
    assert (memory["loki.service"], memory["vector.service"]) == ("1G", "100M")
    for unit in ("loki.service", "vector.service"):
        assert machine.unit(unit).value("MemoryMax") == memory[unit]
    assert loki(machine)["ingester"]["wal"]["replay_memory_ceiling"] == str(512 * 1024**2)
    budget = own("", LOGS + 'memoryBudget = "1G";')
    assert any("loki.service: 512M" in problem for problem in budget.problems())
    for option in ("http", "grpc", "shipper"):
        clash = own("", LOGS + f"logs.ports.{option} = 8100;")
        assert any("port 8100 is taken by logs and by services.translator" in problem for problem in clash.problems())


# What is shipped


def test_only_units_of_the_stack_are_shipped_each_under_the_name_of_its_service() -> None:
    known = names()
    services = {unit for unit in MONITORED.units() if unit.endswith(".service") and unit.startswith("ai-stack-")}
    assert services <= known.keys()
    assert known["ai-stack-hybrid-coordinator.service"] == "hybrid-coordinator"
    assert (known["postgresql.service"], known["nginx.service"]) == ("postgresql", "nginx")
    # its own complaints would come back to it
    assert "vector.service" not in known
    assert not {name for name in known if re.match("sshd|getty|user@|systemd", name)}
    assert vector()["sources"]["journal"]["include_matches"] == {"_SYSTEMD_UNIT": sorted(known), "UNIT": sorted(known)}


def test_each_instance_of_a_service_is_a_unit_of_its_own() -> None:
    known = names(own("instances = 2;", LOGS))
    assert {unit: name for unit, name in known.items() if "translator" in unit} == {
        "ai-stack-translator@8100.service": "translator",
        "ai-stack-translator@8101.service": "translator",
    }


def test_who_wrote_a_line_is_what_the_journal_vouches_for() -> None:
    program = vector()["transforms"]["lines"]["source"]
    assert program.index("unit = string(._SYSTEMD_UNIT)") < program.index('if ._PID == "1" {')
    # Fields without an underscore are the sender's own words (systemd.journal-fields(7)).
    assert program.count(".UNIT") == 1
    assert re.search(r'if \._PID == "1" \{\s+unit = string\(\.UNIT\)', program)
    assert re.search(r"if service == null \{\s+abort", program)


def test_labels_are_three_with_few_values() -> None:
    sink = vector()["sinks"]["loki"]
    assert sink["labels"] == {name: f"{{{{ {name} }}}}" for name in ("unit", "service", "level")}
    levels = re.search(r"!includes\((\[.*\]), level\)", vector()["transforms"]["lines"]["source"])
    assert levels
    assert json.loads(levels[1]) == ["debug", "info", "warning", "error", "critical"]
    assert sink["encoding"] == {"codec": "text"}


def test_the_place_in_the_journal_moves_when_loki_has_taken_what_was_read() -> None:
    assert vector()["sinks"]["loki"]["acknowledgements"] == {"enabled": True}
    unit = MONITORED.unit("vector.service")
    assert unit.value("StartLimitIntervalSec", "Unit") == "0"
    assert unit.values("SupplementaryGroups") == ["systemd-journal"]
    # `journalctl --follow` reads /proc/sys/kernel/random/boot_id
    assert "ProcSubset" not in unit.sections["Service"]


@pytest.mark.parametrize(("version", "told"), [("0.55.0", False), ("0.57.0", True)])
def test_vector_is_configured_for_its_version(version: str, told: bool) -> None:
    settings = vector(with_vector(version))
    assert ("dangerously_allow_unconfined_template_resolution" in settings["sinks"]["loki"]) is told
    # which versions before 0.57 take for variables
    assert "$" not in json.dumps(settings)


# What Grafana shows


def test_a_line_links_to_its_trace() -> None:
    (field,) = source(MONITORED, "ai-stack-logs")["jsonData"]["derivedFields"]
    assert field["datasourceUid"] == "ai-stack-traces"
    assert field["url"] == "$${__value.raw}"
    trace = "2e7c06b8fc6f0ab333cbbbe81d3a1d8f"
    line = json.dumps({"event": "http.request", "trace_id": trace, "span_id": "091224a5e846c2a6"})
    for text in (line, line.replace(": ", ":")):
        found = re.search(field["matcherRegex"], text)
        assert found
        assert found[1] == trace


def test_traces_that_are_elsewhere_are_not_linked_to() -> None:
    machine = own("", LOGS + 'tracing = { backend = "otlp"; endpoint = "http://10.0.0.5:4318"; };')
    assert source(machine, "ai-stack-logs")["jsonData"] == {}


def test_a_trace_links_to_its_lines() -> None:
    jaeger = source(MONITORED, "ai-stack-traces")["jsonData"]["tracesToLogsV2"]
    assert jaeger["datasourceUid"] == "ai-stack-logs"
    assert jaeger["query"] == '{service=~".+"} |= "$${__trace.traceId}"'
    tempo = source(TEMPO, "ai-stack-traces")["jsonData"]["tracesToLogsV2"]
    assert tempo["datasourceUid"] == "ai-stack-logs"
    assert (tempo["tags"], tempo["filterByTraceID"]) == ([{"key": "service.name", "value": "service"}], True)


def test_the_dashboard_of_a_service_ends_with_its_log() -> None:
    dashboards = MONITORED.get("config.services.ai-stack.dashboards")
    for name in set(names().values()) & {"embeddings", "aidb", "hybrid-coordinator", "nixos-docs", "status-page"}:
        panel = dashboards[f"ai-stack-{name}"]["rendered"]["panels"][-1]
        assert (panel["title"], panel["type"]) == ("Log", "logs")
        assert panel["datasource"] == {"type": "loki", "uid": "ai-stack-logs"}
        assert [target["expr"] for target in panel["targets"]] == [f'{{service="{name}"}}']
