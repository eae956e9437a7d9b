"""Settings and the application made of them."""

import json
from pathlib import Path

import pytest

from ai_stack.hybrid_coordinator.app import create_app
from ai_stack.hybrid_coordinator.records import COLLECTIONS
from ai_stack.hybrid_coordinator.settings import HybridSettings
from ai_stack.service.settings import SettingsError, load_settings


def test_the_original_limits_and_thresholds_are_the_defaults() -> None:
    settings = HybridSettings(auth="disabled")
    assert settings.port == 8092
    searched = {name: settings.collections.of(name) for name in COLLECTIONS}
    assert {name: (search.limit, search.threshold) for name, search in searched.items()} == {
        "codebase-context": (5, 0.42),
        "skills-patterns": (3, 0.45),
        "error-solutions": (2, 0.48),
        "best-practices": (2, 0.45),
        "interaction-history": (0, 0.42),
    }
    assert (settings.hnsw.m, settings.hnsw.ef_construct, settings.hnsw.full_scan_threshold) == (16, 64, 10_000)


def test_file_environment_and_credentials_are_read(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"aidb_url": None, "collections": {"best_practices": {"limit": 4, "threshold": 0.5}}}))
    (tmp_path / "qdrant_api_key").write_text("secret\n")
    settings = load_settings(
        HybridSettings,
        config=config,
        environ={"CREDENTIALS_DIRECTORY": str(tmp_path), "AI_STACK_HYBRID_COORDINATOR_ANSWER_DEADLINE": "2.5"},
    )
    assert settings.aidb_url is None
    assert settings.answer_deadline == 2.5
    assert settings.collections.best_practices.limit == 4
    assert settings.qdrant_api_key is not None
    assert settings.qdrant_api_key.get_secret_value() == "secret"


def test_an_unusable_tokenizer_file_stops_the_start(tmp_path: Path) -> None:
    settings = HybridSettings(auth="disabled", tokenizer_file=tmp_path / "tokenizer.json")
    with pytest.raises(SettingsError, match="tokenizer_file"):
        create_app(settings)
