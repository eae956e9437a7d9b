"""`scripts/bench embeddings` on next to no load."""

import subprocess
import sys
from pathlib import Path

from bench.embeddings import RAW, RAW_PADDED, RAW_SINGLE
from bench.results import FAILURES, REQUESTS_PER_CPU_SECOND, REQUESTS_PER_SECOND, Results

ROOT = Path(__file__).resolve().parents[3]


def test_a_short_round_measures_our_service_and_the_engine_alone(model_dir: Path, tmp_path: Path) -> None:
    options = ["--rounds", "1", "--seconds", "0.2", "--workers", "1", "--only", "16 clients, short"]
    command = [sys.executable, str(ROOT / "scripts" / "bench"), "embeddings", *options]
    where = ["--model", str(model_dir), "--output", str(tmp_path)]
    done = subprocess.run([*command, *where], capture_output=True, text=True, check=True, timeout=120)
    assert "## 16 clients, short" in done.stdout
    assert done.stdout.strip() == (tmp_path / "embeddings.md").read_text().strip()
    results = Results.read(tmp_path / "embeddings.json")
    assert results.median("16 clients, short", "ai-stack", REQUESTS_PER_SECOND) > 0
    failed = results.find("16 clients, short", "ai-stack", FAILURES)
    assert failed is not None
    assert failed.samples == [0]
    for engine in (RAW, RAW_SINGLE, RAW_PADDED):
        assert results.median("16 clients, short", engine, REQUESTS_PER_CPU_SECOND) > 0


def test_a_short_soak_has_documented_answers_only(model_dir: Path, tmp_path: Path) -> None:
    options = ["--soak", "0.05", "--workers", "1", "--model", str(model_dir), "--output", str(tmp_path)]
    command = [sys.executable, str(ROOT / "scripts" / "bench"), "embeddings", *options]
    subprocess.run(command, capture_output=True, check=False, timeout=120)
    bars = {bar.claim: bar for bar in Results.read(tmp_path / "embeddings-soak.json").bars}
    assert bars["answers that are not documented"].met
    assert bars["tokens in the queue at the end"].met


def test_a_short_round_compares_kept_with_computed_vectors(tmp_path: Path) -> None:
    options = ["--rounds", "1", "--seconds", "0.2", "--output", str(tmp_path)]
    command = [sys.executable, str(ROOT / "scripts" / "bench"), "caching", *options]
    subprocess.run(command, capture_output=True, check=True, timeout=120)
    results = Results.read(tmp_path / "caching.json")
    for subject in ("computed", "kept"):
        assert results.median("1 client, 64 short texts", subject, REQUESTS_PER_CPU_SECOND) > 0
