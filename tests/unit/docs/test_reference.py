"""The generated reference."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from ai_stack.aidb.settings import AidbSettings
from ai_stack.embeddings.settings import EmbeddingsSettings
from ai_stack.hybrid_coordinator.settings import HybridSettings
from ai_stack.nixos_docs.settings import NixosDocsSettings
from ai_stack.service.settings import ServiceSettings
from ai_stack.status_page.settings import StatusPageSettings

from .pages import DOCS, ROOT, prose

# A setting and its default in running text: "`min_similarity` (0.4)", "(`answer_deadline`, 5 s)".
_DEFAULT = re.compile(r"`([a-z_]+)`(?: \(|, )(-?\d[\d,]*(?:\.\d+)?)(?: s)?\)")


def test_the_reference_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "reference"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "settings",
    [ServiceSettings, EmbeddingsSettings, AidbSettings, HybridSettings, NixosDocsSettings, StatusPageSettings],
)
def test_every_setting_has_a_description(settings: type[ServiceSettings]) -> None:
    assert list(undescribed(settings)) == []


def test_defaults_that_the_pages_of_services_mention_are_those_of_the_code(tmp_path: Path) -> None:
    for page, settings in {
        "embeddings": EmbeddingsSettings(auth="disabled", model_dir=tmp_path),
        "aidb": AidbSettings(auth="disabled"),
        "hybrid-coordinator": HybridSettings(auth="disabled"),
        "nixos-docs": NixosDocsSettings(auth="disabled", index=tmp_path / "index.sqlite"),
        "status-page": StatusPageSettings(auth="disabled"),
    }.items():
        defaults = set(numbers(settings.model_dump()))
        known = {name for name, _ in defaults}
        for name, value in _DEFAULT.findall(" ".join(prose(DOCS / "services" / f"{page}.md").split())):
            if name in known:
                assert (name, float(value.replace(",", ""))) in defaults, f"{page}: {name} is not {value}"


def numbers(group: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers in a group of settings by their own names, those in groups below it too."""
    for name, value in group.items():
        if isinstance(value, dict):
            yield from numbers(value)
        elif isinstance(value, int | float):
            yield name, float(value)


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
