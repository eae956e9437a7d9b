"""Cleaning, bounding and comparing of retrieved text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.hybrid_coordinator.passages import (
    ELLIPSIS,
    clean,
    clean_line,
    containment,
    fingerprint,
    shingles,
    shorten,
)

ANY_TEXT = st.text(max_size=300)


@given(ANY_TEXT)
def test_cleaned_text_holds_no_control_or_format_characters(text: str) -> None:
    cleaned = clean(text)
    assert all(c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"} for c in cleaned)
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        ("a\x1b[31mred\x1b[0m", "a[31mred[0m"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("hid\u200bden \u202etxt", "hidden txt"),
        ("nul\x00 bell\x07", "nul bell"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("\ttab and ünïcode — kept 日本語", "tab and ünïcode — kept 日本語"),
    ],
)
def test_what_hides_or_breaks_text_is_removed_and_the_rest_stays(dirty: str, cleaned: str) -> None:
    assert clean(dirty) == cleaned


@given(ANY_TEXT, st.integers(min_value=len(ELLIPSIS), max_value=100))
def test_shortened_text_is_within_the_limit_and_starts_like_the_original(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert short == text or text.startswith(short.removesuffix(ELLIPSIS))


def test_a_cut_falls_between_words() -> None:
    assert shorten("alpha beta gamma delta", 20) == "alpha beta gamma …"


def test_a_limit_without_room_for_the_mark_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        shorten("abc", 1)


@given(ANY_TEXT)
def test_a_label_is_one_bounded_line(text: str) -> None:
    line = clean_line(text, 40)
    assert "\n" not in line
    assert len(line) <= 40


def test_texts_that_differ_in_case_punctuation_and_spacing_have_one_fingerprint() -> None:
    assert fingerprint("Enable  SSH, now!") == fingerprint("enable ssh now")
    assert fingerprint("enable ssh now") != fingerprint("disable ssh now")


@given(ANY_TEXT, ANY_TEXT)
def test_containment_is_symmetric_and_between_zero_and_one(a: str, b: str) -> None:
    x, y = shingles(a), shingles(b)
    assert 0.0 <= containment(x, y) <= 1.0
    assert containment(x, y) == containment(y, x)
    assert not x or containment(x, x) == 1.0


def test_a_part_is_contained_in_the_whole() -> None:
    part = "the firewall is enabled by default on every machine"
    assert containment(shingles(part), shingles(f"{part} and ports are opened one by one")) == 1.0
    assert containment(shingles(part), shingles("completely different words are in this other sentence")) == 0.0
