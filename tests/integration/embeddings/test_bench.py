"""`scripts/bench embeddings` on next to no load."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_a_short_round_measures_our_service_and_the_engine_alone(model_dir: Path, tmp_path: Path) -> None:
    options = ["--rounds", "1", "--seconds", "0.2", "--workers", "1", "--only", "16 clients, short"]
    command = [sys.executable, str(ROOT / "scripts" / "bench"), "embeddings", *options]
    where = ["--model", str(model_dir), "--output", str(tmp_path)]
    done = subprocess.run([*command, *where], capture_output=True, text=True, check=True, timeout=120)
    assert "## 16 clients, short" in done.stdout
    assert done.stdout.strip() == (tmp_path / "embeddings.md").read_text().strip()
    facts = json.loads((tmp_path / "embeddings.json").read_text())
    (sample,) = facts["served"]["16 clients, short"]["ai-stack"]
    assert sample["requests"] >= 16
    assert sample["failures"] == 0
    assert all(each[0]["texts_per_second"] > 0 for each in facts["engine_alone"]["16 clients, short"].values())
