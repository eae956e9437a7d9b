"""The command `python -m ai_stack.embeddings.inspect`: describe a model and its ONNX file, or verify that file."""

# ruff: noqa: T201 - a command prints

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from ai_stack.embeddings.engine import EngineError, OnnxEngine
from ai_stack.embeddings.export import onnx_path
from ai_stack.embeddings.model import ONNX_ENGINES, PRECISIONS, ModelError, ModelSpec, read_model
from ai_stack.embeddings.settings import default_cache_dir
from ai_stack.embeddings.verification import VerificationError, torch_reference, torch_versions, verify


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0: described or verified, 1: not, 2: wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m ai_stack.embeddings.inspect", description=__doc__)
    parser.add_argument("model", type=Path, help="directory of the model, as sentence-transformers saves it")
    parser.add_argument("--engine", choices=ONNX_ENGINES, default="onnx", help="of the service (default onnx)")
    parser.add_argument("--output", type=Path, help="directory of the ONNX file (default: the user's cache)")
    parser.add_argument("--verify", action="store_true", help="check the ONNX file instead of describing it")
    given = parser.parse_args(arguments)
    directory: Path = given.model.absolute()
    try:
        spec = read_model(directory, directory.name, PRECISIONS[given.engine])
        path = onnx_path(spec, given.output or default_cache_dir())
        if given.verify:
            print(verify_file(spec, path))
        else:
            print(orjson.dumps(describe(spec, path), option=orjson.OPT_INDENT_2).decode())
    except (ModelError, EngineError, VerificationError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def describe(spec: ModelSpec, path: Path) -> dict[str, Any]:
    """Return what determines the vectors of a model, and where its ONNX file is or would be."""
    return {
        "directory": str(spec.directory),
        "revision": spec.revision,
        "type": spec.config.model_type,
        "layers": spec.config.num_hidden_layers,
        "dimensions": spec.dimensions,
        "pooling": spec.pooling.value,
        "normalize": spec.normalize,
        "max_sequence_length": spec.max_sequence_length,
        "prompts": dict(spec.prompts),
        "default_prompt": spec.default_prompt,
        "onnx_file": str(path),
        "onnx_file_exists": path.is_file(),
    }


def verify_file(spec: ModelSpec, path: Path) -> str:
    """Check an ONNX file: its hash against the record beside it, its vectors against torch where that is installed.

    Returns:
        What was checked, and what could not be.

    Raises:
        VerificationError: there is no file or no record, or one of them is off.
        EngineError: the file computes something that is no vector.
        OSError: a file cannot be read.
    """
    record_path = path.with_suffix(".json")
    for each in (path, record_path):
        if not each.is_file():
            raise VerificationError(f"{each}: no such file; `ai-stack model export` writes it")
    try:
        expected = orjson.loads(record_path.read_bytes())["onnx_sha256"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise VerificationError(f"{record_path}: not a record of an export") from error
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != expected:
        raise VerificationError(f"{path}: sha256 {digest}, but {expected} was recorded")
    reference = torch_versions()
    if reference is None:
        return f"{path}\nsha256 {digest} as recorded\nnot compared: torch and transformers are not installed"
    found = verify(spec, OnnxEngine(spec, path), torch_reference)
    return f"{path}\nsha256 {digest} as recorded\nverified with {reference}: least cosine {found.min_cosine:.6f}"


if __name__ == "__main__":
    raise SystemExit(main())
