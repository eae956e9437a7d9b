"""Machines as they were rendered when somebody last looked at them, so that stories run where there is no Nix.

`PYTHONPATH=tests python -m host.golden` writes them anew; the difference is for the reviewer. What a machine has in
common with a machine of the story `stack` is kept there only.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from host.rendering import STORIES, Rendering, render

DIRECTORY = Path(__file__).resolve().parent / "golden"
BASE = "stack"
FACTS = "machine.json"


def stories() -> list[str]:
    """Return the names of the stories that run here."""
    found = sorted(path.parent.name for path in STORIES.glob("*/script.py"))
    return [story for story in found if unavailable(story) is None]


def unavailable(story: str) -> str | None:
    """Return why a story cannot run here; None when it can."""
    return host_facts(story).get("unavailable")


def host_facts(story: str) -> dict[str, Any]:
    """Return what a story says of itself for these machines."""
    path = STORIES / story / "host.json"
    facts: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return facts


def read(story: str) -> dict[str, Rendering]:
    """Return the machines of a story by name.

    Raises:
        FileNotFoundError: it was never rendered.
    """
    machines = {}
    for folder in sorted(path for path in (DIRECTORY / story).iterdir() if path.is_dir()):
        facts = json.loads((folder / FACTS).read_text())
        common = facts.pop("common", {})
        files = {path: _kept(holder, path).read_text() for holder, paths in common.items() for path in paths}
        own = (path for path in folder.rglob("*") if path.is_file() and path.name != FACTS)
        files |= {str(path.relative_to(folder)): path.read_text() for path in own}
        machines[folder.name] = Rendering(files=files, facts=facts)
    return machines


def write(story: str, machines: dict[str, Rendering]) -> None:
    """Replace what is kept of a story."""
    shutil.rmtree(DIRECTORY / story, ignore_errors=True)
    holders = [] if story == BASE else sorted(path.name for path in (DIRECTORY / BASE).iterdir())
    for name, machine in machines.items():
        folder = DIRECTORY / story / name
        common: dict[str, list[str]] = {}
        for path, text in sorted(machine.files.items()):
            holder = next((one for one in holders if _holds(one, path, text)), None)
            if holder is not None:
                common.setdefault(holder, []).append(path)
                continue
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        folder.mkdir(parents=True, exist_ok=True)
        facts = machine.facts | ({"common": common} if common else {})
        (folder / FACTS).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")


def _kept(machine: str, path: str) -> Path:
    return DIRECTORY / BASE / machine / path


def _holds(machine: str, path: str, text: str) -> bool:
    kept = _kept(machine, path)
    return kept.is_file() and kept.read_text() == text


def main(arguments: list[str]) -> None:
    """Write the stories named, or all of them."""
    names = arguments or stories()
    # First, since the others are told apart from it.
    for story in sorted(names, key=lambda story: (story != BASE, story)):
        write(story, render(story))
        sys.stdout.write(f"{story}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
