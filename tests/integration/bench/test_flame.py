"""The flame graph of a trace: own times, rows, and the picture."""

import xml.etree.ElementTree as ElementTree

from bench.flame import Part, flame_graph, rows, self_times

TRACE = [
    Part(b"1", b"", "hybrid-coordinator", "POST /augment_query", 0, 100),
    Part(b"2", b"1", "hybrid-coordinator", "embed", 10, 40),
    Part(b"3", b"1", "aidb", "POST /search", 40, 90),
    Part(b"4", b"1", "hybrid-coordinator", "qdrant <5>", 45, 60),
    Part(b"5", b"3", "aidb", "query", 50, 80),
]


def test_own_time_is_that_without_children() -> None:
    found = self_times(TRACE)
    assert found["hybrid-coordinator: POST /augment_query"] == 20
    assert found["aidb: POST /search"] == 20
    assert list(found)[:2] == ["hybrid-coordinator: embed", "aidb: query"]


def test_children_that_run_at_the_same_time_are_taken_off_once() -> None:
    trace = [Part(b"1", b"", "s", "a", 0, 10), Part(b"2", b"1", "s", "b", 1, 6), Part(b"3", b"1", "s", "c", 2, 8)]
    assert self_times(trace)["s: a"] == 3


def test_spans_that_run_at_the_same_time_lie_in_rows_of_their_own() -> None:
    placed = rows(TRACE)
    assert placed[b"1"] == 0
    assert placed[b"2"] == placed[b"3"] == 1
    assert len({placed[b"3"], placed[b"4"], placed[b"5"]}) == 3


def test_the_picture_is_well_formed_and_in_proportion() -> None:
    root = ElementTree.fromstring(flame_graph(TRACE))
    widths = [float(each.get("width", 0)) for each in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert widths[1] / widths[0] == 0.3
    assert "qdrant <5>" in ElementTree.tostring(root, encoding="unicode", method="text")
