"""Log files of children."""

import json
from pathlib import Path

from ai_stack.local import logfile


def append(path: Path, text: str) -> None:
    with path.open("a") as stream:
        stream.write(text)


def rewrite(path: Path, text: str) -> None:
    path.write_text(text)


def test_a_small_log_and_a_missing_one_are_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    logfile.bound(log, limit=10)
    log.write_text("short")
    logfile.bound(log, limit=10)
    assert log.read_text() == "short"
    assert list(tmp_path.iterdir()) == [log]


def test_a_large_log_is_moved_aside_while_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 20)
        logfile.bound(log, limit=10)
        writer.write(b"new")
    assert (tmp_path / "a.log.1").read_text() == "x" * 20
    assert log.read_bytes() == b"new"


def test_the_last_lines_are_found_in_a_window(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    assert logfile.last_lines(log, 3) == []
    log.write_bytes(b"".join(b"line %d\n" % n for n in range(100)) + b"\xff\n")
    assert logfile.last_lines(log, 2) == ["line 99", "�"]
    assert logfile.last_lines(log, 50, window=20) == ["line 98", "line 99", "�"]
    assert logfile.last_lines(log, 0) == []


def test_following_yields_whole_new_lines_of_every_log_and_notices_that_one_was_emptied(tmp_path: Path) -> None:
    first, second = tmp_path / "a.log", tmp_path / "b.log"
    first.write_text("before\n")
    steps = iter(
        [
            (append, first, "one\ntw"),
            (append, first, "o\n"),
            (append, second, "other\n"),
            (rewrite, first, "anew\n"),
        ]
    )

    def write_something() -> None:
        action, path, text = next(steps)
        action(path, text)

    # The pause of the follower is when the writer writes.
    followed = logfile.follow([first, second], pause=write_something)
    assert [next(followed) for _ in range(4)] == [
        (first, "one"),
        (first, "two"),
        (second, "other"),
        (first, "anew"),
    ]


def test_the_summary_of_a_services_log_is_its_last_error_with_the_end_of_the_exception() -> None:
    lines = [
        json.dumps({"level": "error", "event": "first"}),
        json.dumps({"level": "error", "event": "start failed", "exception": "Traceback\n  line 1\nValueError: no\n"}),
        json.dumps({"level": "info", "event": "service.stopped"}),
    ]
    assert logfile.summary(lines) == "start failed: ValueError: no"
    assert logfile.summary(lines[:1]) == "first"


def test_the_summary_of_another_log_is_its_last_two_lines() -> None:
    assert logfile.summary([]) == ""
    assert logfile.summary(["LOG: a", " LOG: b", "FATAL: c"]) == "LOG: b | FATAL: c"
    assert logfile.summary(["[1]", "5"]) == "[1] | 5"
    assert len(logfile.summary(["x" * 10_000])) == 300
