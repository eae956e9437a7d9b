from pathlib import Path

import pytest

from ai_stack.embeddings.settings import EmbeddingsSettings
from ai_stack.service.settings import SettingsError, load_settings


def test_only_the_model_directory_has_to_be_given(tmp_path: Path) -> None:
    environ = {"AI_STACK_EMBEDDINGS_MODEL_DIR": str(tmp_path)}
    settings = load_settings(EmbeddingsSettings, environ=environ)
    assert settings.port == 8081
    assert settings.max_batch_size == 32
    assert settings.workers >= 1


def test_a_model_directory_that_does_not_exist_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(SettingsError, match=f"model_dir: {missing} is not a directory"):
        load_settings(EmbeddingsSettings, environ={"AI_STACK_EMBEDDINGS_MODEL_DIR": str(missing)})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"CACHE_DIRECTORY": "/var/cache/a:/var/cache/b", "XDG_CACHE_HOME": "/x"},
            "/var/cache/a",
        ),
        ({"XDG_CACHE_HOME": "/x"}, "/x/ai-stack"),
        ({"HOME": "/home/user"}, "/home/user/.cache/ai-stack"),
    ],
)
def test_the_cache_is_where_the_system_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: str
) -> None:
    for name in ("CACHE_DIRECTORY", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert EmbeddingsSettings(model_dir=tmp_path).cache_dir == Path(expected)


@pytest.mark.parametrize("engine", ["torch", "torch-bf16"])
def test_an_engine_that_is_not_installed_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setattr("ai_stack.embeddings.torch_engine.find_spec", lambda name: None if name == "torch" else name)
    environ = {"AI_STACK_EMBEDDINGS_MODEL_DIR": str(tmp_path), "AI_STACK_EMBEDDINGS_ENGINE": engine}
    with pytest.raises(SettingsError, match=rf"engine: {engine} needs torch: pip install 'ai-stack\[torch\]'"):
        load_settings(EmbeddingsSettings, environ=environ)
