"""What happened lately."""

from ai_stack.status_page.exposition import Measures
from ai_stack.status_page.window import Window

INFINITE = float("inf")


def look(requests: float, failures: float = 0, slow: float = 0) -> Measures:
    return Measures(requests=requests, failures=failures, latency={0.1: requests - slow, INFINITE: requests})


def test_one_look_says_nothing_of_lately() -> None:
    window = Window(300)
    assert window.newest is None
    window.add(0, look(1000))
    assert window.lately() is None
    assert window.newest == look(1000)


def test_lately_is_the_difference_of_two_looks() -> None:
    window = Window(300)
    window.add(100, look(1000, failures=3))
    window.add(160, look(1100, failures=5, slow=0))
    lately = window.lately()
    assert lately is not None
    assert (lately.seconds, lately.requests, lately.failures) == (60, 100, 2)
    assert lately.p95 is not None
    assert lately.p95 <= 0.1


def test_looks_older_than_the_window_are_forgotten() -> None:
    window = Window(60)
    for second in range(0, 301, 15):
        window.add(second, look(second * 10.0))
    lately = window.lately()
    assert lately is not None
    assert (lately.seconds, lately.requests) == (60, 600)


def test_a_restart_begins_the_window_anew() -> None:
    window = Window(300)
    window.add(0, look(1000))
    window.add(15, look(3))
    assert window.lately() is None
    window.add(30, look(8))
    lately = window.lately()
    assert lately is not None
    assert (lately.seconds, lately.requests) == (15, 5)


def test_a_service_that_was_away_has_no_window() -> None:
    window = Window(300)
    window.add(0, look(1))
    window.add(15, look(2))
    window.clear()
    assert window.newest is None
    assert window.lately() is None
