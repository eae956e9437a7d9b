"""The service with the torch engine as a process, against the reference vectors and the ONNX graph."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from ai_stack.embeddings.engine import Vectors, unit_length
from ai_stack.embeddings.model import read_model
from support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
SOURCES = ROOT / "python" / "src"
TEXTS_OF_A_REQUEST = 16


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(SOURCES)}


def run(home: Path, *command: Path | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment(home), capture_output=True, text=True, check=False)


def settings_file(directory: Path, model: Path, engine: str) -> Path:
    file = directory / "config.json"
    content = {
        "unix_socket": str(directory / "http.sock"),
        "auth": "disabled",
        "model_dir": str(model),
        "cache_dir": str(directory / "cache"),
        "engine": engine,
    }
    file.write_text(json.dumps(content))
    return file


@pytest.fixture(scope="module")
def sha256(model_dir: Path) -> str:
    return read_model(model_dir, "").weights_sha256


@asynccontextmanager
async def serving(python: Path, directory: Path, model: Path, engine: str) -> AsyncIterator[aiohttp.ClientSession]:
    config = await asyncio.to_thread(settings_file, directory, model, engine)
    command = [str(python), "-m", "ai_stack.embeddings", "--config", str(config)]
    with (directory / "log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(*command, env=environment(directory), stderr=log)
    try:
        async with aiohttp.ClientSession(
            "http://service", connector=aiohttp.UnixConnector(str(directory / "http.sock"))
        ) as session:
            async with asyncio.timeout(PATIENCE):
                while not await ready(session):
                    assert child.returncode is None, (directory / "log").read_text()
                    await asyncio.sleep(0.1)
            yield session
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


async def ready(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/health/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False


async def embedded(session: aiohttp.ClientSession, texts: list[str]) -> Vectors:
    """The vectors of texts of all lengths, which share their batches, so with much padding."""
    rows: list[list[float]] = []
    for start in range(0, len(texts), TEXTS_OF_A_REQUEST):
        body = {"inputs": texts[start : start + TEXTS_OF_A_REQUEST]}
        async with session.post("/embed", json=body) as answer:
            assert answer.status == 200, await answer.text()
            rows += await answer.json()
    return np.array(rows, dtype=np.float32)


async def revision(session: aiohttp.ClientSession) -> str:
    async with session.get("/info") as answer:
        found: str = (await answer.json())["revision"]
        return found


@pytest.fixture(scope="module")
def reference() -> tuple[list[str], Vectors]:
    texts = [each["text"] for each in json.loads((DATA / "minilm" / "reference.json").read_text())]
    with np.load(DATA / "minilm" / "reference.npz") as arrays:
        return texts, unit_length(arrays["pooled"])


async def test_torch_gives_the_vectors_of_the_reference_and_the_revision_of_onnx(
    torch_python: Path, model_dir: Path, tmp_path: Path, sha256: str, reference: tuple[list[str], Vectors]
) -> None:
    texts, expected = reference
    async with serving(torch_python, tmp_path, model_dir, "torch") as session:
        vectors = await embedded(session, texts)
        assert await revision(session) == sha256
    assert np.abs(vectors - expected).max() < 5e-5
    assert not await asyncio.to_thread((tmp_path / "cache").exists)


async def test_bfloat16_gives_near_vectors_under_a_revision_of_their_own_or_says_that_it_cannot(
    torch_python: Path, model_dir: Path, tmp_path: Path, sha256: str, reference: tuple[list[str], Vectors]
) -> None:
    query = "from ai_stack.embeddings.torch_engine import computes_bfloat16 as able; print(able())"
    if (await asyncio.to_thread(run, tmp_path, torch_python, "-c", query)).stdout.strip() == "False":
        config = await asyncio.to_thread(settings_file, tmp_path, model_dir, "torch-bf16")
        options = ("-m", "ai_stack.embeddings", "--config", config, "--check")
        refused = await asyncio.to_thread(run, tmp_path, torch_python, *options)
        assert refused.returncode == os.EX_CONFIG
        assert "torch-bf16 needs instructions for bfloat16" in refused.stderr
        return
    texts, expected = reference
    async with serving(torch_python, tmp_path, model_dir, "torch-bf16") as session:
        vectors = await embedded(session, texts)
        assert await revision(session) == f"bf16-{sha256}"
    cosines = (vectors * expected).sum(axis=1)
    assert cosines.min() > 0.99
    assert not np.allclose(vectors, expected, atol=1e-4)


def test_the_onnx_file_is_verified_with_torch(torch_python: Path, model_dir: Path, tmp_path: Path) -> None:
    for module, option in (("export", "--require-verification"), ("inspect", "--verify")):
        options = ("-m", f"ai_stack.embeddings.{module}", model_dir, "--output", tmp_path, option)
        done = run(tmp_path, torch_python, *options)
        assert done.returncode == 0, done.stderr
        assert "least cosine 1.000000" in done.stdout


def test_the_committed_layers_are_those_of_transformers(torch_python: Path, tmp_path: Path) -> None:
    made = tmp_path / "layers.npz"
    script = DATA / "bert" / "make_layers.py"
    done = run(tmp_path, torch_python, script, made)
    assert done.returncode == 0, done.stderr
    with np.load(made) as new, np.load(DATA / "bert" / "layers.npz") as committed:
        assert new.keys() == committed.keys()
        for name in new:
            assert np.allclose(new[name], committed[name], atol=1e-5), name
