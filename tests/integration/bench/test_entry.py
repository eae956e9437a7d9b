"""The entry of the benchmarks."""

import importlib.util

import pytest

from bench.entry import BENCHMARKS, main


@pytest.mark.parametrize("arguments", [[], ["other"], ["--seconds", "3"]])
def test_an_unknown_benchmark_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: scripts/bench" in capsys.readouterr().err


def test_help_names_every_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in BENCHMARKS)


@pytest.mark.parametrize("module", BENCHMARKS.values())
def test_every_benchmark_is_there(module: str) -> None:
    assert importlib.util.find_spec(module)
