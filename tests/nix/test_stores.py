"""The stores: reached by the service that asks, with a credential or by peer authentication, and by nobody else."""

import json
from pathlib import Path

import pytest

from nix.evaluate import EvaluationError, Machine
from nix.security import exposure

ENTRY = """{ pkgs, ... }: {
  services.ai-stack = {
    enable = true;
    services.tt = {
      package = pkgs.hello;
      port = 8100;
      postgresql = { enable = true; extensions = [ "vector" ]; extensionPackages = ps: [ ps.pgvector ]; };
      redis.enable = true;
      qdrant.enable = true;
    };
    %s
  };
}"""
LOCAL = Machine(ENTRY % "", framework=True)
EXTERNAL = Machine(
    ENTRY
    % """
    postgresql = { host = "db.internal"; passwordFile = "/run/secrets/pg"; };
    redis.url = "rediss://10.0.0.9:6379";
    secrets.redisPassword = "/run/secrets/redis";
    qdrant.url = "https://10.0.0.8:6333";
    secrets.qdrantApiKey = "/run/secrets/qdrant";
    """,
    framework=True,
)


def test_nothing_is_on_tcp_that_need_not_be() -> None:
    assert LOCAL.get("config.services.postgresql.settings.listen_addresses") == ""
    assert LOCAL.get("config.services.redis.servers.ai-stack.port") == 0
    assert LOCAL.get("config.services.qdrant.settings.service.host") == "127.0.0.1"
    assert LOCAL.get("firewall") == []


def test_tcp_that_somebody_else_asked_for_stays() -> None:
    machine = Machine(
        ENTRY.replace("{ pkgs, ... }: {", "{ pkgs, ... }: { services.postgresql.enableTCPIP = true;") % ""
    )
    assert machine.get("config.services.postgresql.settings.listen_addresses") == "*"
    assert machine.unit("postgresql.service").values("IPAddressDeny") == []


def test_the_role_of_the_database_is_the_system_user() -> None:
    unit = LOCAL.unit("ai-stack-tt.service")
    users = LOCAL.get("config.services.postgresql.ensureUsers")
    assert unit.value("User") in [user["name"] for user in users]
    assert "postgres_password" not in " ".join(unit.values("LoadCredential"))


def test_the_extension_is_made_by_a_superuser_before_the_service_starts() -> None:
    setup = LOCAL.unit("ai-stack-postgresql.service")
    assert setup.value("User") == "postgres"
    assert "postgresql.target" in setup.values("Requires", "Unit")
    sql = LOCAL.get("config.systemd.services.ai-stack-postgresql.serviceConfig.ExecStart")
    assert sql.split()[-1].endswith("ai-stack-postgresql.sql")
    assert "ai-stack-postgresql.service" in LOCAL.unit("ai-stack-tt.service").values("After", "Unit")


def test_the_service_alone_may_open_the_socket_of_redis() -> None:
    assert "redis-ai-stack" in LOCAL.unit("ai-stack-tt.service").values("SupplementaryGroups")
    assert LOCAL.get("config.services.redis.servers.ai-stack.unixSocketPerm") == 660


def test_the_key_of_qdrant_is_neither_in_its_settings_nor_in_its_environment() -> None:
    unit = LOCAL.unit("qdrant.service")
    assert unit.values("LoadCredential") == ["api_key:/var/lib/ai-stack/secrets/qdrant-api-key"]
    assert unit.value("ExecStart").endswith("--config-path /run/qdrant/config.json")
    assert "api_key" not in json.dumps(LOCAL.get("config.services.qdrant.settings"))
    assert not any("QDRANT" in variable for variable in unit.values("Environment"))


@pytest.mark.parametrize("name", ["postgresql", "redis-ai-stack", "qdrant", "ai-stack-postgresql"])
def test_the_stores_are_hardened_as_far_as_the_services(name: str, tmp_path: Path) -> None:
    unit = f"{name}.service"
    assert exposure(tmp_path, unit, LOCAL.units()[unit]) <= 1.5


def test_no_store_runs_here_when_they_are_elsewhere() -> None:
    assert not {"postgresql.service", "redis-ai-stack.service", "qdrant.service"} & EXTERNAL.units().keys()
    credentials = EXTERNAL.unit("ai-stack-tt.service").values("LoadCredential")
    assert sorted(credentials) == [
        "postgres_password:/run/secrets/pg",
        "qdrant_api_key:/run/secrets/qdrant",
        "redis_password:/run/secrets/redis",
    ]


def test_the_sandbox_lets_the_service_reach_exactly_the_stores_that_are_addresses() -> None:
    machine = Machine(
        ENTRY
        % """
    postgresql = { host = "10.0.0.7"; passwordFile = "/run/secrets/pg"; };
    redis.url = "redis://10.0.0.9:6379";
    qdrant.url = "https://[fd00::8]:6333";
    """,
        framework=True,
    )
    unit = machine.unit("ai-stack-tt.service")
    assert unit.value("IPAddressDeny") == "any"
    assert sorted(unit.values("IPAddressAllow")) == ["10.0.0.7", "10.0.0.9", "fd00::8", "localhost"]


def test_a_store_known_by_name_opens_the_address_filter_since_that_takes_addresses_only() -> None:
    assert EXTERNAL.unit("ai-stack-tt.service").value("IPAddressDeny") == ""


def test_a_database_elsewhere_without_password_stops_evaluation() -> None:
    machine = Machine(ENTRY % 'postgresql.host = "db.internal";', framework=True)
    assert any("postgresql.passwordFile" in problem for problem in machine.problems())


def test_a_password_in_the_address_of_redis_is_refused() -> None:
    with pytest.raises(EvaluationError):
        Machine(ENTRY % 'redis.url = "redis://user:secret@10.0.0.9:6379";', framework=True).units()


def test_a_given_secret_restarts_the_store_and_its_clients() -> None:
    machine = Machine(ENTRY % 'secrets.redisPassword = "/run/secrets/redis";', framework=True)
    restart = machine.unit("ai-stack-rotate-redis-password.service").value("ExecStart")
    restarted = set(restart.split("try-restart ")[1].split())
    # and Prometheus's exporter, which logs in as well
    assert restarted == {"redis-ai-stack.service", "ai-stack-tt.service", "prometheus-redis-exporter.service"}


def test_the_memory_of_the_stores_counts_in_the_budget() -> None:
    problems = Machine(ENTRY % 'memoryBudget = "1G";', framework=True).problems()
    assert "postgresql.service: 1G" in "\n".join(problems)


def test_another_port_of_postgresql_is_known_to_all_who_use_its_socket() -> None:
    machine = Machine("{ services.ai-stack = { enable = true; postgresql.port = 5433; }; }")
    assert machine.get("config.services.postgresql.settings.port") == 5433
    assert machine.get("settings")["aidb"]["postgres_port"] == 5433
    unit = machine.unit("ai-stack-postgresql.service")
    assert "--port 5433" in unit.value("ExecStart")
    assert '"--port=5433"' in unit.value("ExecStartPost")
    assert "--port 5433" in machine.unit("ai-stack-postgresql-monitoring.service").value("ExecStart")
    exporter = machine.unit("prometheus-postgres-exporter.service").values("Environment")
    assert "port=5433" in exporter
