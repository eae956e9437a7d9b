"""Keeps the ONNX file of a model: written once from its weights, found again by their hash."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from ai_stack.embeddings.int8 import RECIPE_VERSION
from ai_stack.embeddings.model import ModelError, ModelSpec, Precision

#: Raised when the same weights give another graph; files of earlier versions are then no longer used.
GRAPH_VERSION = 2

#: A protobuf message has less than 2 GiB (its encoding specification).
MAX_FILE_BYTES = 2**31 - 1


def onnx_path(spec: ModelSpec, directory: Path) -> Path:
    """Return where the ONNX file of a model belongs. The name carries the hashes of all that determines its content."""
    recipe = f"{GRAPH_VERSION}\n{spec.weights.name}\n{spec.pooling}\n{spec.config.model_dump_json()}"
    if spec.precision is Precision.INT8:
        recipe += f"\nint8 {RECIPE_VERSION}"
    return directory / f"{spec.weights_sha256}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}.onnx"


def export_onnx(spec: ModelSpec, directory: Path) -> Path:
    """Write the ONNX file of a model into `directory`, which is created with access for this user only.

    It refers to the safetensors file by its name: `OnnxEngine` is told in which directory that is.

    Several processes may do this at once: each writes its own file and renames it to the same name.

    Raises:
        ModelError: the weights cannot be read or do not fit the configuration.
        OSError: the directory cannot be written.
    """
    path = onnx_path(spec, directory)
    content = _serialize(spec)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.stem[:12]}-", suffix=".tmp", dir=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


class _LazyWeights(Mapping[str, NDArray[np.float32]]):
    """Tensors of an open safetensors file, each read when it is asked for: all at once they would be needed twice."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._names = frozenset(file.keys())

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        tensor: NDArray[np.float32] = self._file.get_tensor(name)
        return tensor

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _offsets(path: Path) -> dict[str, int]:
    """Return where each tensor of a safetensors file begins.

    The file has been opened as one before, so it is one. Its format (safetensors, "Format"): the length of a JSON
    object in 8 bytes, little-endian; the object, with offsets of tensors among the bytes behind it; those bytes.
    """
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = orjson.loads(file.read(size))
    return {name: 8 + size + tensor["data_offsets"][0] for name, tensor in header.items() if name != "__metadata__"}


def _serialize(spec: ModelSpec) -> bytes:
    # Only who writes the file pays for this import: half of all that a start costs otherwise.
    from ai_stack.embeddings.graph import build_graph  # noqa: PLC0415 - onnx is needed only where the file is made

    try:
        with safe_open(spec.weights, framework="numpy") as file:
            offsets = _offsets(spec.weights)
            model = build_graph(
                spec.config,
                spec.pooling,
                _LazyWeights(file),
                lambda name: (spec.weights.name, offsets[name]),
                spec.precision,
            )
    except (OSError, SafetensorError, ModelError) as error:
        raise ModelError(f"{spec.weights}: {error}") from error
    if model.ByteSize() > MAX_FILE_BYTES:
        raise ModelError(f"{spec.weights}: more weights than one ONNX file can hold ({MAX_FILE_BYTES} bytes)")
    content: bytes = model.SerializeToString()
    return content


if __name__ == "__main__":
    from ai_stack.embeddings.export_command import main  # needs what is defined above

    raise SystemExit(main())
