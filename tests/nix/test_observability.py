"""What watches the stack: on loopback, in sandboxes, with credentials, and derived from the services."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from nix.evaluate import EvaluationError, Machine
from nix.monitored import MONITORED, own, promtool
from nix.scripts import run
from nix.security import exposure

TEMPO = Machine('{ services.ai-stack = { enable = true; tracing.backend = "tempo"; }; }')


def jobs(machine: Machine = MONITORED) -> dict[str, dict[str, Any]]:
    return {job["job_name"]: job for job in machine.get("config.services.prometheus.scrapeConfigs")}


def targets(machine: Machine, job: str) -> list[str]:
    return [target for static in jobs(machine)[job]["static_configs"] for target in static["targets"]]


def environment(machine: Machine, name: str = "translator") -> dict[str, str]:
    found: dict[str, str] = machine.get(f"config.services.ai-stack.services.{name}.environment")
    return found


# Prometheus


def test_every_service_and_every_store_is_measured() -> None:
    services = ("embeddings", "aidb", "hybrid-coordinator", "nixos-docs", "status-page")
    exporters = ("node", "nginx", "postgres", "redis")
    others = ("prometheus", "alertmanager", "qdrant", "jaeger", "loki", "vector")
    assert set(jobs()) == {f"ai-stack-{name}" for name in services + exporters + others}
    assert MONITORED.problems() == []
    assert MONITORED.get("problems.warnings") == []


def test_a_service_of_ones_own_is_measured_where_it_says() -> None:
    machine = own('instances = 2; metrics.path = "/internal/metrics";')
    job = jobs(machine)["ai-stack-translator"]
    assert job["metrics_path"] == "/internal/metrics"
    assert job["static_configs"][0]["labels"] == {"component": "translator"}
    assert targets(machine, "ai-stack-translator") == ["127.0.0.1:8100", "127.0.0.1:8101"]
    assert "ai-stack-translator" not in jobs(own("metrics.enable = false;"))
    assert "ai-stack-translator" not in jobs(own('runtime = "other";'))


def test_a_service_on_another_machine_is_measured_and_the_sandbox_lets_it() -> None:
    machine = own('enable = false; endpoints = [ "http://10.0.0.2:8100" ];')
    assert targets(machine, "ai-stack-translator") == ["10.0.0.2:8100"]
    unit = machine.unit("prometheus.service")
    assert unit.values("IPAddressAllow") == ["localhost", "10.0.0.2"]
    assert unit.value("IPAddressDeny") == "any"
    named = own('enable = false; endpoints = [ "http://vectors.internal:8100" ];')
    assert named.unit("prometheus.service").value("IPAddressDeny") == ""


def test_prometheus_accepts_its_configuration(tmp_path: Path) -> None:
    module = MONITORED.module.replace(
        "services.ai-stack = {",
        "services.prometheus = { checkConfig = false; enableReload = true; }; services.ai-stack = {",
        1,
    )
    text = Machine(module).build('config.environment.etc."prometheus/prometheus.yaml".source').read_text()
    config = json.loads(text)
    assert len(config["scrape_configs"]) == len(jobs())
    (tmp_path / "prometheus.yml").write_text(json.dumps({**config, "rule_files": []}))
    result = promtool("check", "config", "--syntax-only", "prometheus.yml", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_stores_elsewhere_have_no_exporter_here() -> None:
    machine = own(
        "postgresql.enable = true; redis.enable = true; qdrant.enable = true;",
        """postgresql = { host = "db.internal"; passwordFile = "/run/secrets/pg"; };
        redis.url = "redis://10.0.0.9:6379"; qdrant.url = "https://10.0.0.8:6333";""",
    )
    assert not {"ai-stack-postgres", "ai-stack-redis"} & set(jobs(machine))
    qdrant = jobs(machine)["ai-stack-qdrant"]
    assert (qdrant["scheme"], qdrant["authorization"]) == ("https", None)
    assert targets(machine, "ai-stack-qdrant") == ["10.0.0.8:6333"]
    assert "10.0.0.8" in machine.unit("prometheus.service").values("IPAddressAllow")


def test_nothing_watches_when_it_is_switched_off() -> None:
    machine = own("", "prometheus.enable = false; tracing.enable = false;")
    watching = [
        name for name in machine.units() if re.match("prometheus|grafana|.*jaeger|tempo|loki|vector|alertmanager", name)
    ]
    assert watching == []
    assert machine.problems() == []


# Loopback, sandboxes, limits


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        (MONITORED, "prometheus"),
        (MONITORED, "alertmanager"),
        (MONITORED, "grafana"),
        (MONITORED, "ai-stack-jaeger"),
        (MONITORED, "prometheus-node-exporter"),
        (MONITORED, "prometheus-nginx-exporter"),
        (MONITORED, "prometheus-postgres-exporter"),
        (MONITORED, "prometheus-redis-exporter"),
        (MONITORED, "ai-stack-postgresql-monitoring"),
        (TEMPO, "tempo"),
    ],
)
def test_what_watches_is_hardened_as_far_as_the_services(machine: Machine, name: str, tmp_path: Path) -> None:
    unit = f"{name}.service"
    assert exposure(tmp_path, unit, machine.units()[unit]) <= 1.5


def test_everything_listens_on_loopback() -> None:
    for name in ("node", "nginx", "postgres", "redis"):
        assert re.search(
            r"listen-address[ =]127\.0\.0\.1:", MONITORED.units()[f"prometheus-{name}-exporter.service"]
        ), name
    assert "--web.listen-address=127.0.0.1:9090" in MONITORED.units()["prometheus.service"]
    assert "--web.listen-address 127.0.0.1:9093" in MONITORED.units()["alertmanager.service"]
    # or it would look for others of its kind on every address
    assert re.search(r"--cluster.listen-address=\s", MONITORED.units()["alertmanager.service"])
    assert MONITORED.get("config.services.grafana.settings.server.http_addr") == "127.0.0.1"
    assert MONITORED.get("firewall") == []


def test_the_limits_and_the_ports_count() -> None:
    memory = MONITORED.get("config.services.ai-stack.memory")
    assert {"prometheus.service", "grafana.service", "alertmanager.service", "ai-stack-jaeger.service"} <= set(memory)
    for unit in ("prometheus", "grafana", "alertmanager", "ai-stack-jaeger", "prometheus-node-exporter"):
        assert MONITORED.unit(f"{unit}.service").value("MemoryMax") == memory[f"{unit}.service"]
    clash = own("", "grafana.port = 8100;")
    assert any("port 8100 is taken by grafana and by services.translator" in problem for problem in clash.problems())


# Credentials


def test_prometheus_gets_the_key_of_qdrant_as_a_credential() -> None:
    job = jobs()["ai-stack-qdrant"]
    assert job["authorization"]["credentials_file"] == "/run/credentials/prometheus.service/qdrant_api_key"
    credentials = MONITORED.unit("prometheus.service").values("LoadCredential")
    assert credentials == ["qdrant_api_key:/var/lib/ai-stack/secrets/qdrant-api-key"]


def test_the_exporter_of_postgresql_is_no_superuser() -> None:
    name = MONITORED.get("config.services.prometheus.exporters.postgres.dataSourceName")
    assert "user=postgres-exporter" in name
    assert "host=/run/postgresql" in name
    assert MONITORED.unit("prometheus-postgres-exporter.service").value("User") == "postgres-exporter"
    grant = MONITORED.get("config.systemd.services.ai-stack-postgresql-monitoring.serviceConfig.ExecStart")
    assert grant.endswith(r'''--command "GRANT pg_monitor TO \"postgres-exporter\""''')


def test_the_exporter_of_redis_reads_the_password_from_a_file_in_memory(tmp_path: Path) -> None:
    unit = MONITORED.unit("prometheus-redis-exporter.service")
    assert unit.values("LoadCredential") == ["redis_password:/var/lib/ai-stack/secrets/redis-password"]
    assert "redis-ai-stack" in unit.values("SupplementaryGroups")
    (tmp_path / "password").write_text('a"b\\c$\n')
    address = "unix:///run/redis-ai-stack/redis.sock"
    written = tmp_path / "passwords.json"
    result = run("redis-exporter.sh", address, tmp_path / "password", written)
    assert result.returncode == 0, result.stderr
    assert json.loads(written.read_text()) == {address: 'a"b\\c$'}
    assert written.stat().st_mode & 0o777 == 0o600


def test_a_secret_that_changes_restarts_who_reads_it() -> None:
    registry = MONITORED.get("config.services.ai-stack.secrets.registry")
    assert "prometheus-redis-exporter.service" in registry["redis-password"]["units"]
    assert "prometheus.service" in registry["qdrant-api-key"]["units"]
    assert registry["grafana-admin-password"]["units"] == ["grafana.service"]
    assert registry["grafana-secret-key"]["units"] == ["grafana.service"]


# Alertmanager


def test_alertmanager_reads_its_secrets_from_credentials() -> None:
    unit = MONITORED.unit("alertmanager.service")
    assert unit.values("LoadCredential") == ["webhook:/run/secrets/webhook"]
    assert MONITORED.get("config.services.prometheus.alertmanager.configuration.receivers") == [
        {
            "name": "default",
            "webhook_configs": [{"url_file": "/run/credentials/alertmanager.service/webhook"}],
        }
    ]
    restart = MONITORED.unit("ai-stack-rotate-alertmanager-webhook.service").value("ExecStart")
    assert restart.endswith("try-restart alertmanager.service")


def test_an_alertmanager_that_tells_nobody_stops_evaluation() -> None:
    machine = own("", "alertmanager.enable = true;")
    assert any("services.ai-stack.alertmanager.receiver" in problem for problem in machine.problems())


# Grafana


def test_grafana_has_no_default_password_and_no_secret_in_its_settings() -> None:
    settings = MONITORED.get("config.services.grafana.settings")
    security = settings["security"]
    assert security["admin_password"] == "$__file{/run/credentials/grafana.service/admin_password}"
    assert security["secret_key"] == "$__file{/run/credentials/grafana.service/secret_key}"
    assert MONITORED.unit("grafana.service").values("LoadCredential") == [
        "admin_password:/var/lib/ai-stack/secrets/grafana-admin-password",
        "secret_key:/var/lib/ai-stack/secrets/grafana-secret-key",
    ]
    assert settings["auth.anonymous"]["enabled"] is False
    assert settings["users"]["allow_sign_up"] is False
    assert security["cookie_secure"] is True


def test_grafana_is_behind_the_gateway_under_its_prefix() -> None:
    assert MONITORED.get("config.services.grafana.settings.server.root_url") == "https://ai.example.org:8443/grafana/"
    route = MONITORED.get("config.services.ai-stack.gateway.routes.grafana")
    assert (route["prefix"], route["target"]) == ("/grafana/", "http://127.0.0.1:3000")


def test_grafana_takes_given_secrets() -> None:
    given = own(
        "", 'secrets.grafanaAdminPassword = "/run/secrets/admin"; secrets.grafanaSecretKey = "/run/secrets/key";'
    )
    assert given.unit("grafana.service").values("LoadCredential") == [
        "admin_password:/run/secrets/admin",
        "secret_key:/run/secrets/key",
    ]
    with pytest.raises(EvaluationError, match="outside the Nix store"):
        own("", "secrets.grafanaAdminPassword = ./flake.nix;").units()


def test_grafana_talks_to_nobody_outside() -> None:
    settings = MONITORED.get("config.services.grafana.settings")
    assert set(settings["analytics"].values()) == {False}
    assert MONITORED.unit("grafana.service").value("IPAddressDeny") == "any"


# Traces


def test_services_are_told_where_to_send_traces() -> None:
    assert environment(own("")) == {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_SAMPLE_RATE": "1.0",
    }
    assert environment(own("tracing.sampleRate = 0.01;"))["OTEL_SAMPLE_RATE"] == "0.01"
    assert environment(own("", "tracing.sampleRate = 0;"))["OTEL_SAMPLE_RATE"] == "0"
    assert environment(own("tracing.enable = false;")) == {}
    assert environment(own('runtime = "other";')) == {}
    assert environment(own('runtime = "other"; tracing.enable = true;')) != {}


def test_a_receiver_elsewhere_is_the_only_new_address_in_the_sandbox() -> None:
    machine = own("", 'tracing = { backend = "otlp"; endpoint = "http://10.0.0.5:4317"; protocol = "grpc"; };')
    assert environment(machine)["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://10.0.0.5:4317"
    unit = machine.unit("ai-stack-translator.service")
    assert unit.values("IPAddressAllow") == ["localhost", "10.0.0.5"]
    assert not {"ai-stack-jaeger.service", "tempo.service"} & machine.units().keys()


@pytest.mark.parametrize("tracing", ['backend = "otlp";', "sampleRate = 1.5;", 'endpoint = "http://user:key@host";'])
def test_a_mistake_in_the_tracing_stops_evaluation(tracing: str) -> None:
    machine = own("", f"tracing = {{ {tracing} }};")
    try:
        machine.units()
        problems = machine.problems()
    except EvaluationError as refused:
        problems = [str(refused)]
    assert any("tracing" in problem for problem in problems)


def test_jaeger_keeps_traces_on_disk_for_a_while_and_listens_on_loopback() -> None:
    unit = MONITORED.unit("ai-stack-jaeger.service")
    assert unit.value("StateDirectory") == "ai-stack-jaeger"
    path = unit.value("ExecStart").partition("--config=file:")[2]
    config = MONITORED.get("config.services.ai-stack.jaeger.settings")
    assert path.endswith("ai-stack-jaeger.json")
    assert config["extensions"]["jaeger_storage"]["backends"]["local"]["badger"]["ttl"] == {"spans": "72h"}
    endpoints = re.findall(r'"endpoint": "([^"]*)"', json.dumps(config))
    assert len(endpoints) == 5
    assert all(endpoint.startswith("127.0.0.1:") for endpoint in endpoints)


def test_the_pages_of_jaeger_ask_grafana_who_is_there() -> None:
    route = MONITORED.get("config.services.ai-stack.gateway.routes.jaeger")
    assert route["prefix"] == "/grafana/jaeger/"
    assert route["authUrl"] == "http://127.0.0.1:3000/grafana/api/user"
    without = own("", "grafana.enable = false;")
    assert "jaeger" not in without.get("config.services.ai-stack.gateway.routes")


def test_tempo_takes_the_place_of_jaeger() -> None:
    assert "ai-stack-jaeger.service" not in TEMPO.units()
    settings = TEMPO.get("config.services.tempo.settings")
    assert settings["server"]["http_listen_address"] == "127.0.0.1"
    sources = TEMPO.get("config.services.ai-stack.grafana.dataSources")
    assert [source["type"] for source in sources if source["uid"] == "ai-stack-traces"] == ["tempo"]
    assert environment(TEMPO, "aidb")["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    assert TEMPO.problems() == []


@pytest.mark.parametrize(
    ("version", "keys"), [("2.10.8", {"compactor"}), ("3.0.2", {"backend_scheduler", "backend_worker", "live_store"})]
)
def test_tempo_is_configured_for_its_version(version: str, keys: set[str]) -> None:
    overlay = f'(final: prev: {{ tempo = prev.tempo // {{ version = "{version}"; }}; }})'
    machine = Machine(
        f'{{ nixpkgs.overlays = [ {overlay} ]; services.ai-stack = {{ enable = true; tracing.backend = "tempo"; }}; }}'
    )
    found = set(machine.get("config.services.tempo.settings"))
    assert keys <= found
    assert not found & ({"compactor", "backend_scheduler", "backend_worker", "live_store"} - keys)
