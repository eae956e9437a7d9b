"""Every command that tells something tells it as JSON, too."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from ai_stack.cli.main import app

#: Why a command has no `--json`.
WITHOUT = {
    "up": "stays in the foreground, and `status --json` tells what runs",
    "mcp": "speaks the Model Context Protocol on standard output",
    "model export": "a command of the embeddings service, which describes a model as JSON by `model info`",
    "model verify": "the same",
    "model info": "prints JSON and nothing else",
    "nixos-docs build-index": "a command of nixos-docs, whose index says of itself what it holds",
}


def leaves(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that can be run, by the words that are typed."""
    for word, child in getattr(command, "commands", {}).items():
        path = f"{name} {word}".strip()
        if hasattr(child, "commands"):
            yield from leaves(child, path)
        else:
            yield path, child


COMMANDS = dict(leaves(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_json_or_a_reason(name: str) -> None:
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert ("--json" in options) != (name in WITHOUT)


def test_reasons_are_of_commands_that_exist() -> None:
    assert WITHOUT.keys() <= COMMANDS.keys()
