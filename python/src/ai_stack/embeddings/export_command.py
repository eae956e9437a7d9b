"""The command `python -m ai_stack.embeddings.export`: write a model's ONNX file, verify it, record its hashes."""

# ruff: noqa: T201 - a command prints

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from ai_stack.embeddings.engine import EngineError, OnnxEngine
from ai_stack.embeddings.export import GRAPH_VERSION, export_onnx
from ai_stack.embeddings.model import ONNX_ENGINES, PRECISIONS, ModelError, ModelSpec, read_model
from ai_stack.embeddings.settings import default_cache_dir
from ai_stack.embeddings.verification import VerificationError, torch_reference, torch_versions, verify


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0: written, 1: not written or not verified, 2: wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m ai_stack.embeddings.export", description=__doc__)
    parser.add_argument("model", type=Path, help="directory of the model, as sentence-transformers saves it")
    parser.add_argument("--name", help="what the model is called (default: name of its directory)")
    parser.add_argument("--engine", choices=ONNX_ENGINES, default="onnx", help="of the service (default onnx)")
    parser.add_argument("--output", type=Path, default=None, help="directory of the file (default: the user's cache)")
    parser.add_argument(
        "--require-verification", action="store_true", help="fail when torch and transformers are not installed"
    )
    given = parser.parse_args(arguments)
    directory: Path = given.model.absolute()
    reference = torch_versions()
    if given.require_verification and reference is None:
        print("torch and transformers are not installed: nothing to verify with", file=sys.stderr)
        return 1
    try:
        spec = read_model(directory, given.name or directory.name, PRECISIONS[given.engine])
        path, record = export_and_record(spec, given.output or default_cache_dir(), reference)
    except (ModelError, EngineError, VerificationError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    verified = record["verified"]
    print(path)
    print(f"sha256 {record['onnx_sha256']}")
    if verified is None:
        print("not verified: torch and transformers are not installed")
    else:
        print(f"verified with {verified['reference']}: least cosine {verified['min_cosine']:.6f}")
    return 0


def export_and_record(spec: ModelSpec, output: Path, reference: str | None) -> tuple[Path, dict[str, Any]]:
    """Write the ONNX file, and beside it a JSON file of what it is.

    Args:
        spec: the model.
        output: directory of both files.
        reference: versions of what to verify with, None to not verify.

    Returns:
        The path of the ONNX file, and the content of the record.

    Raises:
        ModelError, OSError: as `export_onnx`.
        VerificationError: the file computes other vectors than the reference; it is deleted.
        EngineError: it computes something that is no vector; it is deleted.
    """
    path = export_onnx(spec, output)
    try:
        engine = OnnxEngine(spec, path)
        verified = None
        if reference is not None:
            verified = {"reference": reference, **asdict(verify(spec, engine, torch_reference))}
    except (VerificationError, EngineError):
        path.unlink()
        raise
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    record = {
        "model": spec.name,
        "dimensions": spec.dimensions,
        "pooling": spec.pooling.value,
        "normalize": spec.normalize,
        "precision": spec.precision.value,
        "weights_sha256": spec.weights_sha256,
        "onnx_sha256": digest,
        "graph_version": GRAPH_VERSION,
        "onnx": version("onnx"),
        "onnxruntime": version("onnxruntime"),
        "verified": verified,
    }
    path.with_suffix(".json").write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2) + b"\n")
    return path, record
