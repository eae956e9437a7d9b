from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest

from ai_stack.embeddings import export
from ai_stack.embeddings.engine import OnnxEngine
from ai_stack.embeddings.export import export_onnx, onnx_path
from ai_stack.embeddings.model import ModelError, read_model
from support.tiny_bert import MODES, write_model


def test_writers_at_the_same_time_leave_one_good_file(tmp_path: Path) -> None:
    spec = read_model(write_model(tmp_path / "model"), "tiny")
    cache = tmp_path / "cache"
    with ThreadPoolExecutor(4) as threads:
        paths = set(threads.map(lambda _: export_onnx(spec, cache), range(8)))
    assert paths == {onnx_path(spec, cache)}
    assert list(cache.iterdir()) == [onnx_path(spec, cache)]
    assert cache.stat().st_mode & 0o777 == 0o700
    engine = OnnxEngine(spec, onnx_path(spec, cache))
    assert engine.embed([np.array([2, 3])]).shape == (1, 12)


def test_other_weights_or_another_configuration_have_another_file(tmp_path: Path) -> None:
    mean = read_model(write_model(tmp_path / "mean"), "tiny")
    cls = read_model(write_model(tmp_path / "cls", pooling="cls_token"), "tiny")
    assert mean.weights_sha256 == cls.weights_sha256
    assert onnx_path(mean, tmp_path) != onnx_path(cls, tmp_path)


def test_weights_that_cannot_be_read_are_named_and_leave_nothing(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "model")
    (directory / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0garbage!")
    spec = read_model(directory, "tiny")
    with pytest.raises(ModelError, match=r"model\.safetensors: "):
        export_onnx(spec, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_weights_beyond_the_format_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MAX_FILE_BYTES", 100)
    spec = read_model(write_model(tmp_path / "model"), "tiny")
    with pytest.raises(ModelError, match="more weights than one ONNX file can hold"):
        export_onnx(spec, tmp_path)


def test_the_file_is_small_since_the_weights_stay_where_they_are(tmp_path: Path) -> None:
    spec = read_model(write_model(tmp_path / "model"), "tiny")
    model = onnx.load(str(export_onnx(spec, tmp_path)), load_external_data=False)
    inside = sum(tensor.ByteSize() for tensor in model.graph.initializer if tensor.name.endswith("dense.weight"))
    assert inside < 1000 < spec.weights.stat().st_size


@pytest.mark.parametrize("pooling", MODES.values())
def test_the_file_can_be_read_beside_the_weights_as_the_standard_says(tmp_path: Path, pooling: str) -> None:
    spec = read_model(write_model(tmp_path, pooling=pooling), "tiny")
    onnx.checker.check_model(str(export_onnx(spec, tmp_path)), full_check=True)


def test_weights_are_found_through_links(tmp_path: Path) -> None:
    stored = write_model(tmp_path / "blobs")
    linked = tmp_path / "snapshot"
    linked.mkdir()
    for entry in stored.iterdir():
        (linked / entry.name).symlink_to(Path("..", "blobs", entry.name))
    (stored / "model.safetensors").rename(stored / "53aa5117")
    (linked / "model.safetensors").unlink()
    (linked / "model.safetensors").symlink_to("../blobs/53aa5117")
    spec = read_model(linked, "tiny")
    assert OnnxEngine(spec, export_onnx(spec, tmp_path)).embed([np.array([2, 3])]).shape == (1, 12)


def test_a_failed_write_leaves_no_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = read_model(write_model(tmp_path / "model"), "tiny")

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        export_onnx(spec, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
