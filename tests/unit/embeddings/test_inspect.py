import json
from pathlib import Path

import numpy as np
import pytest

from ai_stack.embeddings import export_command, inspect
from ai_stack.embeddings.export import onnx_path
from ai_stack.embeddings.inspect import main
from ai_stack.embeddings.model import read_model
from support.tiny_bert import write_model
from unit.embeddings.test_verification import by_formula


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Arguments for a model whose ONNX file is written and recorded; torch is not there."""
    for module in (inspect, export_command):
        monkeypatch.setattr(module, "torch_versions", lambda: None)
    arguments = [str(write_model(tmp_path / "model")), "--output", str(tmp_path / "cache")]
    assert export_command.main(arguments) == 0
    return arguments


def path_of(arguments: list[str]) -> Path:
    return onnx_path(read_model(Path(arguments[0]), "model"), Path(arguments[2]))


def test_a_model_is_described_with_its_file(exported: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(exported) == 0
    described = json.loads(capsys.readouterr().out)
    assert (described["dimensions"], described["layers"], described["pooling"]) == (12, 2, "mean")
    assert described["onnx_file"] == str(path_of(exported))
    assert described["onnx_file_exists"]
    assert main([*exported, "--engine", "int8"]) == 0
    other = json.loads(capsys.readouterr().out)
    assert other["revision"] == f"int8-{described['revision']}"
    assert not other["onnx_file_exists"]


def test_a_file_as_recorded_is_verified_as_far_as_possible(
    exported: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*exported, "--verify"]) == 0
    assert "not compared: torch and transformers are not installed" in capsys.readouterr().out
    monkeypatch.setattr(inspect, "torch_versions", lambda: "formulas 1.0")
    monkeypatch.setattr(inspect, "torch_reference", by_formula)
    assert main([*exported, "--verify"]) == 0
    assert "verified with formulas 1.0: least cosine 1.000000" in capsys.readouterr().out


def test_a_file_that_changed_or_computes_otherwise_is_not_verified(
    exported: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspect, "torch_versions", lambda: "wrong 1.0")
    monkeypatch.setattr(inspect, "torch_reference", lambda _, ids: np.ones((len(ids), 12), dtype=np.float32))
    assert main([*exported, "--verify"]) == 1
    assert "to the reference" in capsys.readouterr().err
    with path_of(exported).open("ab") as file:
        file.write(b"\0")
    assert main([*exported, "--verify"]) == 1
    assert "was recorded" in capsys.readouterr().err


def test_what_is_missing_or_no_record_is_named(exported: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    record = path_of(exported).with_suffix(".json")
    for content in (b"not JSON", b"{}", b"[]"):
        record.write_bytes(content)
        assert main([*exported, "--verify"]) == 1
        assert "not a record of an export" in capsys.readouterr().err
    record.unlink()
    assert main([*exported, "--verify"]) == 1
    assert f"{record}: no such file" in capsys.readouterr().err
    assert main([str(record.parent), "--verify"]) == 1
    assert "model.safetensors: no such file" in capsys.readouterr().err
