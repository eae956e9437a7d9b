"""The services that come along, as a machine with the smallest useful configuration runs them."""

from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr

from ai_stack.aidb.settings import AidbSettings
from ai_stack.embeddings.settings import EmbeddingsSettings
from ai_stack.hybrid_coordinator.settings import HybridSettings
from ai_stack.nixos_docs.settings import NixosDocsSettings
from ai_stack.service.settings import ServiceSettings
from ai_stack.status_page.settings import StatusPageSettings
from nix.evaluate import Machine
from nix.machines import ALL, BOTH, EXTERNAL, MINIMAL, VECTORS
from nix.security import exposure

SETTINGS: dict[str, type[ServiceSettings]] = {
    "aidb": AidbSettings,
    "embeddings": EmbeddingsSettings,
    "hybrid-coordinator": HybridSettings,
    "nixos-docs": NixosDocsSettings,
    "status-page": StatusPageSettings,
}
PORTS = {"embeddings": 8081, "aidb": 8091, "hybrid-coordinator": 8092, "nixos-docs": 8094, "status-page": 8096}

#: Highest exposure allowed, by unit; the reasons of the relaxations are in modules/hardening.nix.
EXPOSURE = {"ai-stack-embeddings.service": 2.5, "ai-stack-embeddings@.service": 2.5}


@pytest.mark.parametrize("name", ALL)
def test_a_configuration_evaluates_without_failed_assertions(name: str) -> None:
    assert ALL[name].problems() == []


@pytest.mark.parametrize("name", ALL)
def test_a_whole_system_can_be_made_of_a_configuration(name: str) -> None:
    assert ALL[name].get("toplevel").endswith(".drv")


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_one_that_the_service_knows(name: str) -> None:
    fields = SETTINGS[name].model_fields
    given = EXTERNAL.get("settings")[name]
    assert given.keys() <= fields.keys()
    assert given["port"] == PORTS[name]


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("machine", [MINIMAL, EXTERNAL])
def test_every_value_is_one_that_the_service_accepts(name: str, machine: Machine, tmp_path: Path) -> None:
    given = machine.get("settings")[name]
    if "model_dir" in given:
        given = given | {"model_dir": tmp_path}
    settings = SETTINGS[name](**given)
    assert settings.port == PORTS[name]
    assert settings.auth == "required"


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("machine", [MINIMAL, EXTERNAL])
def test_every_credential_is_a_secret_that_the_service_reads(name: str, machine: Machine) -> None:
    secrets = {
        field
        for field, info in SETTINGS[name].model_fields.items()
        if SecretStr in (get_args(info.annotation) or (info.annotation,))
    }
    given = machine.get(f'config.services.ai-stack.services."{name}".credentials')
    assert given.keys() <= secrets


@pytest.mark.parametrize("name", ALL)
def test_every_unit_of_ours_scores_as_promised(name: str, tmp_path: Path) -> None:
    scores = {
        unit: exposure(tmp_path, unit, text)
        for unit, text in ALL[name].units().items()
        if unit.startswith("ai-stack-") and unit.endswith(".service")
    }
    assert scores
    assert {unit: score for unit, score in scores.items() if score > EXPOSURE.get(unit, 1.5)} == {}


def test_what_nixpkgs_brings_scores_as_well(tmp_path: Path) -> None:
    units = MINIMAL.units()
    names = [f"{name}.service" for name in ("nginx", "postgresql", "redis-ai-stack", "qdrant", "prometheus", "grafana")]
    names += [name for name in units if name.startswith("prometheus-") and name.endswith(".service")]
    scores = {name: exposure(tmp_path, name, units[name]) for name in names}
    assert {name: score for name, score in scores.items() if score > 1.5} == {}


def test_one_service_alone_may_run_code_that_it_wrote() -> None:
    relaxed = {
        name for name in SETTINGS if MINIMAL.unit(f"ai-stack-{name}.service").value("MemoryDenyWriteExecute") == "false"
    }
    assert relaxed == {"embeddings"}


def test_services_find_each_other() -> None:
    settings = MINIMAL.get("settings")
    assert settings["aidb"]["embeddings_url"] == "http://127.0.0.1:8081"
    assert settings["hybrid-coordinator"]["aidb_url"] == "http://127.0.0.1:8091"
    assert settings["aidb"]["postgres_host"] == "/run/postgresql"


def documented(choice: str, manual: str = "true") -> Machine:
    documentation = f"documentation = {{ enable = lib.mkForce {manual}; nixos.enable = lib.mkForce true; }};"
    return Machine(f"{{ lib, ... }}: {{ {documentation} services.ai-stack = {{ enable = true; {choice} }}; }}")


def test_the_options_of_the_system_in_force_are_known() -> None:
    settings = documented("").get("settings")["nixos-docs"]
    assert settings["options"].endswith("/share/doc/nixos/options.json")
    assert settings["release"]
    assert settings["modules"][0].endswith("-nixos-modules")


def test_a_system_without_a_manual_has_documentation_only() -> None:
    assert "options" not in documented("", manual="false").get("settings")["nixos-docs"]
    problems = documented('documentedOptions = "manual";', manual="false").problems()
    assert any("set documentation.nixos.enable = true" in problem for problem in problems)


def test_packages_are_known_where_a_list_of_them_is_given() -> None:
    assert "packages" not in MINIMAL.get("settings")["nixos-docs"]
    machine = documented('documentedPackages = builtins.toFile "packages.json" "{}";')
    assert machine.get("settings")["nixos-docs"]["packages"].endswith("-packages.json")
    assert machine.unit("ai-stack-nixos-docs.service").value("MemoryMax") == "1536M"


def test_a_second_machine_shares_the_work_behind_one_address() -> None:
    assert BOTH.get("settings")["aidb"]["embeddings_url"] == "http://127.0.0.1:18081"
    servers = BOTH.get("config.services.nginx.upstreams.ai-stack-embeddings.servers")
    assert servers.keys() == {"127.0.0.1:8081", "10.0.0.2:8081"}


def test_the_gateway_waits_for_names_and_is_never_given_up() -> None:
    elsewhere = (
        'secrets.upstreamApiKey = "/run/secrets/key"; services.embeddings = { enable = false; endpoints = %s; };'
    )
    body = "{ services.ai-stack = { enable = true; " + elsewhere + " }; }"
    by_name = Machine(body % '[ "http://vectors.lan:8081" ]').unit("nginx.service")
    by_address = Machine(body % '[ "http://10.0.0.2:8081" ]').unit("nginx.service")
    assert {"network-online.target", "nss-lookup.target"} <= set(by_name.values("After", "Unit"))
    assert "network-online.target" not in by_address.values("After", "Unit")
    assert by_address.value("StartLimitIntervalSec", "Unit") == "0"


def test_a_machine_for_vectors_runs_nothing_else() -> None:
    units = {unit for unit in VECTORS.units() if unit.endswith(".service")}
    assert "ai-stack-embeddings.service" in units
    assert not units & {"nginx.service", "postgresql.service", "ai-stack-aidb.service"}
    assert VECTORS.get("settings")["embeddings"]["host"] == "10.0.0.2"
