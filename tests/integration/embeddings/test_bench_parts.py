"""The benchmark's own parts: load that no cache helps, and a report that says what was measured."""

import os
import subprocess
import sys
from itertools import islice

import pytest

from bench.load import Sample
from bench.processes import cpu_seconds, family, resident_bytes
from bench.raw import batches
from bench.report import RAW, RawSample, Results, document, markdown
from bench.workloads import WORKLOADS, Workload
from unit.embeddings.test_batcher import text


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_texts_are_the_same_for_every_server_and_differ_between_rounds(workload: Workload) -> None:
    first, again, later = (list(islice(workload.requests(seed), 20)) for seed in (1, 1, 2))
    assert first == again
    assert first != later
    texts = [each for request in first for each in request]
    assert len(set(texts)) == len(texts) == 20 * workload.texts
    assert all(workload.shortest <= len(each.split()) <= workload.longest for each in texts)


def test_a_process_counts_with_its_children() -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as process:
        while len(family(process.pid)) < 2:
            assert process.poll() is None
        assert resident_bytes(process.pid) > resident_bytes(family(process.pid)[1]) > 0
        assert cpu_seconds(process.pid) >= 0
    assert cpu_seconds(os.getpid()) > 0
    assert cpu_seconds(process.pid) == 0


def test_the_engine_alone_gets_texts_of_similar_length_within_its_budget() -> None:
    texts = [text(*range(length)) for length in (9, 1, 4, 4, 1, 20)]
    assert [[len(each) for each in batch] for batch in batches(texts, 10)] == [[1, 1], [4, 4], [9], [20]]
    assert [len(batch) for batch in batches(texts, 0)] == [1] * 6


def test_the_report_shows_medians_and_ratios_and_who_was_missing() -> None:
    def sample(requests: int, failures: int = 0) -> Sample:
        return Sample(requests, failures, 2.0, 1.0, 10.0, 20.0, 30.0, 2**20)

    workload = Workload("w", 1, 2, 1, 2)
    results = Results(
        started={"ai-stack": {"seconds": 1.0, "cpu_seconds": 0.5}},
        served={"w": {"ai-stack": [sample(100), sample(300), sample(200)], "other": [sample(51, failures=1)]}},
        raw={"w": {RAW: [RawSample(250.0, 500.0)]}},
        missing=["infinity"],
    )
    page = markdown(results, [workload], rounds=3, seconds=2)
    assert "Not installed, so not measured: infinity." in page
    assert "| other | 25.0 | 4.00 | 50.0 | 4.00 | 10.0 | 1.00 | 20.0 | 30.0 | 1 | 1 |" in page
    assert f"| {RAW} | 250.0 | 0.80 | 500.0 | 0.80 |" in page
    facts = document(results, rounds=3, seconds=2)
    assert facts["served"]["w"]["other"][0]["failures"] == 1
    assert facts["not_installed"] == ["infinity"]
