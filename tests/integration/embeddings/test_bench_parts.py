"""The benchmark's own parts: load that no cache helps, and a report that says what was measured."""

import os
import subprocess
import sys
from collections import Counter
from itertools import islice

import pytest

from bench import soak
from bench.embeddings import RAW, hold_against_bars
from bench.processes import cpu_seconds, family, resident_bytes
from bench.raw import batches
from bench.results import REQUESTS_PER_SECOND, Results
from bench.servers import FLASK, OURS
from bench.workloads import HUNDRED, WORKLOADS, Workload
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


def test_bars_are_ratios_of_medians_of_what_was_measured() -> None:
    results = Results("embeddings", reference=OURS)
    for subject, samples in ((OURS, (100.0, 300.0, 200.0)), (FLASK, (50.0,)), (RAW, (250.0,))):
        for sample in samples:
            results.add(HUNDRED.name, subject, REQUESTS_PER_SECOND, sample)
    hold_against_bars(results)
    assert [(bar.measured, bar.limit, bar.met) for bar in results.bars] == [(4.0, 1.6, True), (0.8, 0.9, False)]


def test_a_soak_names_answers_that_are_not_documented_and_memory_that_grows() -> None:
    results = Results("embeddings-soak", reference=OURS)
    answers = Counter({"short 200": 9, "cancelled left": 2, "bad 400": 3, "bad 200": 1, "long 500": 1, "short left": 1})
    soak.hold_against_bars(results, answers, [100.0, 101.0, 104.0, 104.0], 0.0)
    assert [(bar.measured, bar.met) for bar in results.bars] == [(3, False), (1.04, False), (0, True)]
    assert [note.split(",")[0] for note in results.notes] == [
        "Not documented: bad 200",
        "Not documented: long 500",
        "Not documented: short left",
    ]
