"""Results of benchmarks: written and read again, compared, and shown."""

import argparse
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from bench import index, machine
from bench.command import finish, parser, report_changes
from bench.compare import changes
from bench.page import markdown
from bench.plots import bars
from bench.results import P95, REQUESTS_PER_SECOND, Results, rotated

HERE = {"cpu": "a", "cores": 2, "memory_mib": 2048, "kernel": "6", "python": "3.11", "load_average": 0.1}


def results(own: list[float], peer: list[float], *, latency: list[float] | None = None, cpu: str = "a") -> Results:
    made = Results("demo", reference="ours", settings={"rounds": 3})
    made.machine = {**HERE, "cpu": cpu}
    for subject, samples in (("ours", own), ("theirs", peer)):
        for sample in samples:
            made.add("16 clients", subject, REQUESTS_PER_SECOND, sample)
    for sample in latency or []:
        made.add("alone", "ours", P95, sample)
    return made


def test_what_is_written_can_be_read_again(tmp_path: Path) -> None:
    written = results([10, 12, 11], [5, 6, 7], latency=[1.5])
    written.bar("ours is quick", 1.8, at_least=1.5)
    written.bar("ours is small", 950, at_most=900)
    written.note("The peer was old.")
    path = tmp_path / "demo.json"
    path.write_text(json.dumps(written.document()))
    read = Results.read(path)
    assert read.document() == written.document()
    assert [bar.met for bar in read.bars] == [True, False]
    path.write_text('{"served": {}}')
    with pytest.raises(ValueError, match="is not a result of scripts/bench"):
        Results.read(path)


def test_a_bar_has_one_limit() -> None:
    with pytest.raises(ValueError, match="one limit"):
        Results("demo").bar("x", 1)
    with pytest.raises(ValueError, match="one limit"):
        Results("demo").bar("x", 1, at_most=1, at_least=1)


def test_each_round_begins_with_another_subject() -> None:
    assert [rotated("abc", number) for number in range(4)] == [list("abc"), list("bca"), list("cab"), list("abc")]


def test_the_page_shows_medians_ratios_and_what_was_not_met() -> None:
    made = results([10, 12, 11], [5, 6, 5.5], latency=[0.25])
    made.bar("ours is small", 950, at_most=900)
    page = markdown(made, "Benchmark of a demo", [("a picture", "demo.svg")])
    assert "| ours | 11 | 1.00 |" in page
    assert "| theirs | 5.5 | 2.00 |" in page
    assert "| ours is small | ≤ 900 | 950 | **not met** |" in page
    assert "| ours | 0.25 |" in page
    assert "![a picture](demo.svg)" in page


def test_a_ratio_that_falls_is_a_regression_whatever_the_machine() -> None:
    old = results([10, 10, 10], [5, 5, 5])
    slower_machine = results([5, 5, 5], [2.5, 2.5, 2.5], cpu="b")
    (change,) = changes(old, slower_machine)
    assert not change.regression
    (change,) = changes(old, results([3, 3, 3], [2.5, 2.5, 2.5], cpu="b"))
    assert change.name == "16 clients: requests: ours / theirs"
    assert change.regression
    assert change.worse == pytest.approx(5 / 3)


def test_absolute_figures_are_compared_on_the_same_machine_only() -> None:
    old = results([10, 10, 10], [5, 5, 5], latency=[10, 10, 10])
    new = results([10, 10, 10], [5, 5, 5], latency=[20, 21, 22])
    assert [change.name for change in changes(old, new) if change.regression] == ["alone: p95: ours"]
    elsewhere = results([10, 10, 10], [5, 5, 5], latency=[20, 21, 22], cpu="b")
    assert not any(change.regression for change in changes(old, elsewhere))


def test_a_median_that_noise_explains_is_no_regression() -> None:
    old = results([10, 10, 10], [5, 5, 5])
    noisy = results([10, 8, 8], [5, 5, 5])
    noisy.machine = old.machine
    assert not any(change.regression for change in changes(old, noisy))


def test_runs_of_other_benchmarks_are_not_compared() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        changes(Results("demo"), Results("other"))


def test_worse_results_end_with_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    old = results([10], [5], latency=[10])
    assert report_changes(old, old) == 0
    assert report_changes(old, results([10], [5], latency=[20])) == 1
    assert "WORSE  2.00x  alone: p95: ours: 10 -> 20" in capsys.readouterr().out


def test_a_picture_is_well_formed_and_scales_each_workload_alone() -> None:
    made = results([1000], [500])
    made.add("<alone>", "ours", REQUESTS_PER_SECOND, 2)
    root = ElementTree.fromstring(bars("a & b", list(made.series())))
    widths = [float(each.get("width", 0)) for each in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert widths[0] == widths[2] == 2 * widths[1]
    assert "<alone>" in [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]


def test_a_report_is_a_page_its_figures_and_its_pictures(tmp_path: Path) -> None:
    given = parser("demo", "", rounds=3).parse_args(["--output", str(tmp_path / "new")])
    assert finish(results([10], [5]), "Demo", [REQUESTS_PER_SECOND, P95], given) == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "demo-requests.svg",
        "demo.json",
        "demo.md",
        "index.md",
    ]
    again = argparse.Namespace(output=tmp_path / "new", compare=tmp_path / "new" / "demo.json")
    assert finish(results([10], [4]), "Demo", [], again) == 0
    assert finish(results([10], [5]), "Demo", [], again) == 1


def test_the_index_holds_every_promise_and_every_page(tmp_path: Path) -> None:
    made = results([10], [5])
    made.bar("ours is small", 950, at_most=900)
    finish(made, "Demo of all", [], argparse.Namespace(output=tmp_path, compare=None))
    (tmp_path / "by-hand.md").write_text("# Something else\n\nText.\n")
    index.write(tmp_path)
    text = (tmp_path / "index.md").read_text()
    assert "## [Demo of all](demo.md)" in text
    assert "| ours is small | ≤ 900 | 950 | **not met** |" in text
    assert "## [Something else](by-hand.md)" in text


def test_the_machine_describes_itself() -> None:
    here = machine.describe()
    assert here["cores"] >= 1
    assert machine.same(here, here)
    assert here["cpu"] in machine.sentence(here)
