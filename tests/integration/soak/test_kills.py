"""The soak with random kills, for a minute instead of half an hour."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.results import Results
from soak.entry import SOAKS, main

ROOT = Path(__file__).resolve().parents[3]
KILLS = 8


def test_nothing_is_lost_or_wrong_while_processes_are_killed_at_random(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "soak"), "kills", "--kills", str(KILLS), "--minutes", "0.5"]
    done = subprocess.run([*command, "--output", str(tmp_path)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    results = Results.read(tmp_path / "kill-soak.json")
    assert [bar.measured for bar in results.bars] == [0, 0, 0, 0]
    assert sum(len(series.samples) for series in results.series() if series.workload == "each recovery") == 2 * KILLS
    assert {"aidb POST /documents", "hybrid-coordinator POST /augment_query"} <= {
        series.subject for series in results.series()
    }


@pytest.mark.parametrize("arguments", [[], ["other"]])
def test_an_unknown_soak_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: scripts/soak" in capsys.readouterr().err


def test_help_names_every_soak(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert all(name in capsys.readouterr().out for name in SOAKS)
