"""The judge of the soak: what it must find, and what it must let pass."""

from hypothesis import given
from hypothesis import strategies as st

from bench.results import Results
from soak.caller import Tally
from soak.killer import Recovery
from soak.kills import hold_against_bars, percentile
from soak.ledger import Ledger


def shown(ledger: Ledger) -> str:
    """What an answer shows of the first document now."""
    document = ledger.documents[0]
    return "" if document.latest is None else document.text()


def test_the_version_that_is_stored_may_be_shown() -> None:
    ledger = Ledger(2)
    ledger.documents[0].begin()
    ledger.documents[0].acknowledge()

    assert list(ledger.window().wrong(shown(ledger))) == []


def test_a_version_that_was_replaced_before_is_found() -> None:
    ledger = Ledger(2)
    document = ledger.documents[0]
    document.begin()
    document.acknowledge()
    old = shown(ledger)
    document.begin()
    document.acknowledge()

    assert list(ledger.window().wrong(old)) == ["document 0 is shown in version 1, which is none of [2]"]


def test_a_deleted_document_is_found() -> None:
    ledger = Ledger(1)
    document = ledger.documents[0]
    document.begin()
    document.acknowledge()
    old = shown(ledger)
    document.begin(deleted=True)
    document.acknowledge()

    assert list(ledger.window().wrong(old)) == ["document 0 is shown in version 1, which is none of [None]"]


def test_while_a_write_is_on_its_way_the_old_and_the_new_version_may_be_shown() -> None:
    ledger = Ledger(1)
    document = ledger.documents[0]
    document.begin()
    document.acknowledge()
    old = shown(ledger)
    window = ledger.window()
    document.begin()

    assert list(window.wrong(old + shown(ledger))) == []
    assert list(ledger.window().wrong(old + shown(ledger))) == []
    document.acknowledge()
    assert list(window.wrong(old + shown(ledger))) == []


STEPS = st.lists(st.sampled_from(["write", "delete", "acknowledge", "look"]), max_size=30)


@given(STEPS)
def test_what_an_honest_store_shows_is_never_wrong(steps: list[str]) -> None:
    ledger = Ledger(1)
    document, windows = ledger.documents[0], [ledger.window()]
    for step in steps:
        if step == "acknowledge":
            document.acknowledge()
        elif step == "look":
            windows.append(ledger.window())
        elif document.settled:
            document.begin(deleted=step == "delete")
        assert [list(window.wrong(shown(ledger))) for window in windows] == [[] for _ in windows]


def test_each_kind_of_failure_breaks_its_own_bar() -> None:
    results = Results("kill-soak")
    tally = Tally(wrong=["w"], given_up=["g", "h"])

    hold_against_bars(results, [Recovery("aidb", 1.0, 2.0), Recovery("valkey", 3.0, None)], tally, ["a", "b", "c"])

    assert [(bar.measured, bar.met) for bar in results.bars] == [(3, False), (1, False), (2, False), (1, False)]


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 1))
def test_a_percentile_is_a_value_that_the_share_does_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
