import json
from pathlib import Path

import pytest

from ai_stack.nixos_docs.settings import NixosDocsSettings
from ai_stack.nixos_docs.sources import Source
from ai_stack.service.settings import SettingsError, load_settings


def load(tmp_path: Path, **values: object) -> NixosDocsSettings:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"auth": "disabled", **values}))
    return load_settings(NixosDocsSettings, config=path, environ={})


def test_an_index_alone_is_only_opened(tmp_path: Path) -> None:
    settings = load(tmp_path, index="/var/lib/index")
    assert (settings.port, settings.builds, settings.sources()) == (8094, False, [])


def test_docs_may_be_one_directory_of_sources(tmp_path: Path) -> None:
    (tmp_path / "root" / "manual").mkdir(parents=True)
    settings = load(tmp_path, index="i", docs=str(tmp_path / "root"))
    assert settings.builds
    assert settings.sources() == [Source("manual", tmp_path / "root" / "manual")]


def test_docs_may_be_named_one_by_one(tmp_path: Path) -> None:
    settings = load(
        tmp_path, index="i", docs=[{"source": "wiki", "path": "/srv/wiki", "url": "https://wiki.example.org"}]
    )
    assert settings.sources() == [Source("wiki", Path("/srv/wiki"), "https://wiki.example.org")]


def test_docs_may_come_from_the_environment(tmp_path: Path) -> None:
    environ = {"AI_STACK_NIXOS_DOCS_DOCS": "/srv/docs", "AI_STACK_NIXOS_DOCS_INDEX": "/i"}
    path = tmp_path / "settings.json"
    path.write_text('{"auth": "disabled"}')
    assert load_settings(NixosDocsSettings, config=path, environ=environ).docs == Path("/srv/docs")


@pytest.mark.parametrize(
    "entry", [{"source": "../x", "path": "/"}, {"source": "a"}, {"source": "a", "path": "/", "x": 1}]
)
def test_a_source_that_is_not_described_well_is_an_error(entry: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="docs"):
        load(tmp_path, index="i", docs=[entry])


def test_the_index_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="index"):
        load(tmp_path)
