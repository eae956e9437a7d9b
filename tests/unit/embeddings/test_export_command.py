import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ai_stack.embeddings import export_command
from ai_stack.embeddings.export import onnx_path
from ai_stack.embeddings.export_command import export_and_record, main
from ai_stack.embeddings.model import ModelSpec, read_model
from ai_stack.embeddings.verification import VerificationError
from support.tiny_bert import write_model
from unit.embeddings.test_verification import by_formula


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    return read_model(write_model(tmp_path / "model"), "tiny")


def test_the_command_writes_the_file_that_the_service_looks_for(spec: ModelSpec, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ai_stack.embeddings.export", str(spec.directory), "--output", str(tmp_path)]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True)
    path = onnx_path(spec, tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert done.stdout.splitlines()[:2] == [str(path), f"sha256 {digest}"]
    record = json.loads(path.with_suffix(".json").read_text())
    assert record["model"] == "model"
    assert record["onnx_sha256"] == digest
    assert record["weights_sha256"] == spec.weights_sha256


def test_without_torch_the_file_is_written_unless_verification_is_required(
    spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(export_command, "torch_versions", lambda: None)
    arguments = [str(spec.directory), "--output", str(tmp_path / "cache"), "--name", "tiny"]
    assert main([*arguments, "--require-verification"]) == 1
    assert "not installed" in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()
    assert main(arguments) == 0
    assert "not verified" in capsys.readouterr().out
    assert json.loads(onnx_path(spec, tmp_path / "cache").with_suffix(".json").read_text())["verified"] is None


def test_what_was_verified_is_recorded(spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_command, "torch_reference", by_formula)
    _, record = export_and_record(spec, tmp_path, "formulas 1.0")
    assert record["verified"]["reference"] == "formulas 1.0"
    assert record["verified"]["min_cosine"] > 0.999999


def test_a_file_that_is_off_does_not_stay(spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_command, "torch_reference", lambda spec, ids: np.ones((len(ids), 12), dtype=np.float32))
    with pytest.raises(VerificationError):
        export_and_record(spec, tmp_path / "cache", "wrong 1.0")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_model_that_cannot_be_used_ends_with_1_and_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--output", str(tmp_path / "cache")]) == 1
    assert "model.safetensors: no such file" in capsys.readouterr().err
