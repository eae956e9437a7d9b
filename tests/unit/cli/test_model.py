"""`ai-stack model`, through to the service's own commands."""

import json
import os
import subprocess
import sys
from pathlib import Path

from support.tiny_bert import write_model


def model(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ai_stack.cli", "model", *map(str, arguments)]
    return subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)


def test_a_model_is_exported_described_and_verified(tmp_path: Path) -> None:
    directory, output = write_model(tmp_path / "tiny"), tmp_path / "cache"
    missing = model("verify", directory, "--output", output)
    assert missing.returncode == 1
    assert "`ai-stack model export` writes it" in missing.stderr
    exported = model("export", directory, "--output", output, "--engine", "int8", "--name", "small")
    assert exported.returncode == 0
    described = model("info", directory, "--output", output, "--engine", "int8")
    path = Path(json.loads(described.stdout)["onnx_file"])
    assert exported.stdout.splitlines()[0] == str(path)
    assert json.loads(path.with_suffix(".json").read_text())["model"] == "small"
    assert model("verify", directory, "--output", output, "--engine", "int8").returncode == 0


def test_an_unknown_engine_is_wrong_usage(tmp_path: Path) -> None:
    refused = model("info", tmp_path, "--engine", "gpu")
    assert refused.returncode == 2
    assert "invalid choice: 'gpu'" in refused.stderr
