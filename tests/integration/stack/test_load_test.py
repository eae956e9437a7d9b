"""`scripts/load-test` against the embedded stack, with few users for a short time."""

import json
import subprocess
from pathlib import Path

from load.target import SERVICES
from support.stack import RunningStack

ROOT = Path(__file__).resolve().parents[3]
# The first run installs Locust.
TIMEOUT = 600


def test_every_kind_of_request_succeeds_under_load(stack: RunningStack, corpus_path: Path, tmp_path: Path) -> None:
    options = ["--users", "5", "--spawn-rate", "5", "--duration", "10", "--pause", "0.1-0.3"]
    where = ["--state", str(stack.state), "--corpus", str(corpus_path), "--output", str(tmp_path)]
    command = [str(ROOT / "scripts" / "load-test"), *where, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads((tmp_path / "load-test.json").read_text())
    sent = {each["name"]: each for each in facts["requests"]}
    assert {name.partition(" ")[0] for name in sent} == set(SERVICES)
    assert sent["aidb DELETE"]["requests"] > 0
    assert (tmp_path / "load-test.html").stat().st_size > 0
    assert (tmp_path / "load-test.csv").read_text().count("\n") == 1 + len(sent)


def test_a_stack_that_does_not_run_is_named(tmp_path: Path) -> None:
    command = [str(ROOT / "scripts" / "load-test"), "--state", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert done.returncode == 2
    assert "no stack is running" in done.stderr
