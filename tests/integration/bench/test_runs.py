"""Benchmarks of the whole on next to no load: that they measure, not what."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.results import Results

ROOT = Path(__file__).resolve().parents[3]
SHORT = ["--rounds", "1"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    directory = tmp_path / "corpus"
    directory.mkdir()
    text = "The keeper lights the lamp at dusk and winds the clock. In fog he sounds the brass horn twice a minute."
    (directory / "lighthouse.md").write_text(f"# Lighthouse\n\n{text}\n")
    return directory


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("growth", ["--seconds", "0.2", "--small", "20", "--large", "60", "--state", "STATE"]),
        ("observability", ["--seconds", "0.2"]),
        ("scaling", ["--seconds", "0.2"]),
        ("startup", ["--corpus", "CORPUS"]),
    ],
)
def test_a_short_run_measures_and_reports(name: str, options: list[str], corpus: Path, tmp_path: Path) -> None:
    paths = {"STATE": str(tmp_path / "state"), "CORPUS": str(corpus)}
    options = [paths.get(option, option) for option in options]
    command = [sys.executable, str(ROOT / "scripts" / "bench"), name, *SHORT, *options, "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    results = Results.read(tmp_path / f"{name}.json")
    assert results.bars
    assert all(sample >= 0 for series in results.series() for sample in series.samples)
    assert "What was promised" in (tmp_path / f"{name}.md").read_text()


def test_the_load_of_the_original_runs_on_the_whole_stack(corpus: Path, tmp_path: Path) -> None:
    options = ["--seconds", "4", "--users", "5", "--corpus", str(corpus), "--output", str(tmp_path)]
    command = [sys.executable, str(ROOT / "scripts" / "bench"), "end-to-end", *SHORT, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    results = Results.read(tmp_path / "end-to-end.json")
    assert [bar.claim for bar in results.bars] == ["failed requests of 5 users"]
