"""One stack for all tests here, with a corpus whose facts are found nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.stack import RunningStack, running_stack

CORPUS = {
    "lighthouse.md": """# Lighthouse of Vantage Point

## Lamp

The lamp of the Vantage Point lighthouse burns whale oil and is lit at dusk by the keeper, Marta Oyelaran.

## Fog signal

In fog the keeper sounds the brass horn every ninety seconds.
""",
    "bakery.md": """# Harbour bakery

## Bread

The harbour bakery bakes rye bread on Tuesdays. Its sourdough starter is older than the harbour wall.

## Opening hours

The shop opens at five in the morning and closes when everything is sold.
""",
    "observatory.md": """# Hill observatory

## Telescope

The telescope on the hill has a mirror of two metres and was polished by hand over eleven winters.
""",
}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    directory = tmp_path_factory.mktemp("stack")
    corpus = directory / "corpus"
    corpus.mkdir()
    for name, text in CORPUS.items():
        (corpus / name).write_text(text)
    with running_stack(directory / "state", corpus) as stack:
        yield stack


@pytest.fixture
def corpus_path(stack: RunningStack) -> Path:
    return stack.state.parent / "corpus"
