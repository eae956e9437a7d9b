"""A backup of a real stack answers as the stack did."""

import subprocess
from pathlib import Path
from typing import Any

from support.http import api
from support.stack import RunningStack, command, running_stack

LAMP = "# Lamp\n\nThe lamp of the lighthouse burns whale oil and is lit at dusk.\n"
QUESTION = {"query": "what does the lamp burn", "limit": 3}


def hits(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(hit["path"], hit["content"]) for hit in found["results"]]


async def answers(stack: RunningStack) -> list[tuple[str, str]]:
    async with api(stack.services["aidb"], (stack.state / "api-key").read_text().strip()) as call:
        return hits((await call("POST", "/search", json=QUESTION)).json)


async def test_a_restored_stack_gives_the_same_answers_to_the_same_key(tmp_path: Path) -> None:
    corpus, nothing = tmp_path / "corpus", tmp_path / "nothing"
    corpus.mkdir()
    nothing.mkdir()
    (corpus / "lamp.md").write_text(LAMP)
    (nothing / "other.md").write_text("# Other\n\nOf no importance.\n")
    state, archive, restored = tmp_path / "state", tmp_path / "backup.tar.gz", tmp_path / "restored"
    with running_stack(state, corpus) as stack:
        before = await answers(stack)
        key = (state / "api-key").read_text()
        refused = subprocess.run(  # noqa: ASYNC221
            command("backup", str(archive), "--state", str(state)), capture_output=True, text=True, check=False
        )
        assert refused.returncode == 1
        assert "stop it with" in refused.stderr
    assert before[0][0] == "lamp.md"
    for arguments in (
        ("backup", str(archive), "--state", str(state)),
        ("restore", str(archive), "--state", str(restored)),
    ):
        subprocess.run(command(*arguments), check=True, capture_output=True)  # noqa: ASYNC221
    with running_stack(restored, nothing) as stack:
        assert (restored / "api-key").read_text() == key
        assert [hit for hit in await answers(stack) if hit[0] == "lamp.md"] == before
