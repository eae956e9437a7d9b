"""The generated reference."""

import subprocess
import sys
from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from ai_stack.aidb.settings import AidbSettings
from ai_stack.embeddings.settings import EmbeddingsSettings
from ai_stack.hybrid_coordinator.settings import HybridSettings
from ai_stack.nixos_docs.settings import NixosDocsSettings
from ai_stack.service.settings import ServiceSettings

from .pages import ROOT


def test_the_reference_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "reference"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "settings", [ServiceSettings, EmbeddingsSettings, AidbSettings, HybridSettings, NixosDocsSettings]
)
def test_every_setting_has_a_description(settings: type[ServiceSettings]) -> None:
    assert list(undescribed(settings)) == []


def undescribed(model: type[BaseModel]) -> Iterator[str]:
    """Fields without a description, in the groups of a model too."""
    for name, field in model.model_fields.items():
        if not field.description:
            yield name
        for group in groups(field.annotation):
            yield from (f"{name}.{inner}" for inner in undescribed(group))


def groups(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation."""
    if get_origin(annotation) in (Union, UnionType, tuple):
        for part in get_args(annotation):
            yield from groups(part)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
