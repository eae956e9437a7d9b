"""The blueprint of the stack that ships, with its real stores and model."""

import json
import stat
from pathlib import Path

import pytest

from ai_stack.aidb.settings import AidbSettings
from ai_stack.embeddings.settings import EmbeddingsSettings
from ai_stack.hybrid_coordinator.settings import HybridSettings
from ai_stack.local import blueprint
from ai_stack.local.program import Program
from ai_stack.nixos_docs.options.records import read_options
from ai_stack.nixos_docs.settings import NixosDocsSettings
from ai_stack.service.settings import ServiceSettings, load_settings
from ai_stack.status_page.settings import StatusPageSettings

SETTINGS: dict[str, type[ServiceSettings]] = {
    "embeddings": EmbeddingsSettings,
    "aidb": AidbSettings,
    "nixos-docs": NixosDocsSettings,
    "status-page": StatusPageSettings,
    "hybrid-coordinator": HybridSettings,
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    directory = tmp_path / "docs"
    directory.mkdir()
    (directory / "a.md").write_text("# A\n")
    return directory


def programs(state: Path, corpus: Path) -> dict[str, Program]:
    return {child.program.name: child.program for child in blueprint.build(state, corpus).children}


def test_every_service_accepts_the_settings_and_credentials_it_is_given(tmp_path: Path, corpus: Path) -> None:
    made = programs(tmp_path / "state", corpus)
    for name, settings_class in SETTINGS.items():
        config = Path(made[name].command[-1])
        settings = load_settings(settings_class, config=config, environ=made[name].environment)
        assert settings.auth == "required"
        assert settings.port > 0
        assert (settings.upstream_api_key is None) == (name in ("embeddings", "status-page"))


def test_nixos_docs_knows_the_options_of_the_stacks_own_modules(tmp_path: Path, corpus: Path) -> None:
    made = programs(tmp_path / "state", corpus)["nixos-docs"]
    settings = load_settings(NixosDocsSettings, config=Path(made.command[-1]), environ=made.environment)
    options = {option.name: option for option in read_options(settings.options or Path())}
    assert options["services.ai-stack.domain"].description
    assert options["services.ai-stack.enable"].type == "boolean"


def test_nixos_docs_can_be_given_the_options_of_any_system(tmp_path: Path, corpus: Path) -> None:
    options = tmp_path / "options.json"
    children = blueprint.build(tmp_path / "state", corpus, options).children
    made = {child.program.name: child.program for child in children}["nixos-docs"]
    settings = load_settings(NixosDocsSettings, config=Path(made.command[-1]), environ=made.environment)
    assert settings.options == options


def test_no_secret_is_in_a_command_line_an_environment_or_a_configuration(tmp_path: Path, corpus: Path) -> None:
    state = tmp_path / "state"
    made = programs(state, corpus)
    secrets = [path.read_text().strip() for path in (state / "credentials").rglob("*") if path.is_file()]
    secrets.append((state / "api-key").read_text().strip())
    assert len(secrets) >= 8
    public = json.dumps([[program.argv(), dict(program.environment)] for program in made.values()])
    public += "".join(path.read_text() for path in (state / "config").iterdir())
    assert not [secret for secret in secrets if secret in public]
    for path in state.rglob("*"):
        if path.is_file() and "postgres/data" not in str(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_ports_and_the_users_key_are_the_same_in_the_next_run(tmp_path: Path, corpus: Path) -> None:
    first, second = (blueprint.build(tmp_path / "state", corpus) for _ in range(2))
    assert first.services == second.services
    assert first.api_key_file.read_text() == second.api_key_file.read_text()
