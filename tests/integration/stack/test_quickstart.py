"""The first of the README's two commands, as a stranger runs it."""

import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def quickstart(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [REPOSITORY / "scripts" / "quickstart", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def processes_that_name(path: Path) -> list[str]:
    """Command lines with `path` in them."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(path) in command:
            found.append(command)
    return found


def prompt_of(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr + done.stdout[-3000:]
    return " ".join(done.stdout.partition("augmented prompt")[2].split())


def test_quickstart_once_answers_from_the_documents_that_ship(tmp_path: Path) -> None:
    first = quickstart(tmp_path, "--once")
    assert "keyword search alone" in prompt_of(first)
    assert "documents/s" in first.stdout
    assert not processes_that_name(tmp_path)
    assert not (tmp_path / ".local/share/ai-stack/stack.json").exists()

    again = quickstart(tmp_path, "--once", "--question", "A key of mine has leaked. How can I withdraw it?")
    assert "revoke" in prompt_of(again)
    assert " 0 created, 0 updated," in again.stdout.replace("(", " ")


def test_a_corpus_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = quickstart(tmp_path, "--once", "--corpus", str(tmp_path / "none"))
    assert done.returncode != 0
    assert str(tmp_path / "none") in done.stderr
    assert "Traceback" not in done.stderr
