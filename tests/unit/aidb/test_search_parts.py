"""What searches are made of: spelling, the choice of words, highlights, filters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.aidb.filters import Filters
from ai_stack.aidb.lexicon import Wanted, Word
from ai_stack.aidb.search import _highlights, decisive
from ai_stack.aidb.spelling import can_be_corrected, closest, edit_distance
from ai_stack.aidb.statements import PAIRED

LETTERS = st.text("abcdé", max_size=9)


def wanted(*, of: int = 10_000, **chunks: int) -> Wanted:
    words = sorted((Word(lexeme, count, 1.0) for lexeme, count in chunks.items()), key=lambda word: word.chunks)
    return Wanted(tuple(words), {}, (), of, 400.0, 4000.0)


@given(LETTERS, LETTERS)
def test_the_distance_of_two_words_is_the_same_from_both_sides(left: str, right: str) -> None:
    assert edit_distance(left, right, 20) == edit_distance(right, left, 20)
    assert (edit_distance(left, right, 20) == 0) == (left == right)


@given(LETTERS, LETTERS, st.integers(0, 4))
def test_a_limit_only_cuts_distances_off(left: str, right: str, limit: int) -> None:
    assert edit_distance(left, right, limit) == min(edit_distance(left, right, 20), limit + 1)


@given(st.text("abcdefgh", min_size=4, max_size=12), st.data())
def test_one_edit_is_one_edit(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 2))
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]

    assert edit_distance(word, word[:at] + word[at + 1 :], 2) == 1
    assert edit_distance(word, word[:at] + "z" + word[at:], 2) == 1
    assert edit_distance(word, swapped, 2) <= 1


def test_a_misspelled_word_stands_for_the_nearest_then_the_commonest() -> None:
    assert closest("biuld", [("build", 3), ("bind", 90), ("builder", 5)]) == "build"
    assert closest("nginz", [("nginx", 1), ("ngino", 4)]) == "ngino"
    assert closest("nginz", [("nginx", 4), ("xginz", 90)]) == "nginx"
    assert closest("kernel", [("nginx", 4)]) is None


def test_rare_words_decide_what_is_ranked() -> None:
    assert decisive(wanted(zebra=3, word=50, the=9000), most=100) == "('zebra') | ('word')"


def test_of_commoner_words_two_in_one_chunk_decide_while_there_is_room() -> None:
    chosen = decisive(wanted(zebra=3, grub=400, boot=500, nix=8000), most=100)

    assert chosen == "('zebra') | ('grub' & 'boot')"


def test_as_many_common_words_must_come_together_as_leave_few_chunks() -> None:
    words = {"module": 2000, "option": 2001, "system": 2500, "nix": 8000}

    assert decisive(wanted(**words), most=1000) == "('module' & 'option')"
    assert decisive(wanted(**words), most=300) == "('module' & 'option' & 'system')"
    assert decisive(wanted(**words), most=1) == "('module' & 'option' & 'system' & 'nix')"


def test_a_single_word_is_looked_for_however_common() -> None:
    assert decisive(wanted(nix=8000), most=100) == "('nix')"


def test_without_words_nothing_is_looked_for() -> None:
    assert decisive(wanted()) == ""


def test_words_are_quoted_for_the_query() -> None:
    assert decisive(wanted(**{"it's": 1, "a\\b": 2})) == "('it''s') | ('a\\\\b')"


@given(st.lists(st.integers(1, 1_000_000), min_size=1, max_size=12), st.integers(1, 2000))
def test_the_rarest_word_has_a_say_in_every_question_that_has_common_words_only(counts: list[int], most: int) -> None:
    words = {f"w{place}": count for place, count in enumerate(counts)}

    chosen = decisive(wanted(of=1_000_000, **words), most=most)

    rarest = min(words, key=lambda word: (words[word], list(words).index(word)))
    assert f"'{rarest}'" in chosen
    assert len(chosen.split(" | ")) <= len(words) + PAIRED * (PAIRED - 1) / 2


@given(st.lists(st.tuples(st.text("ab ü", min_size=1), st.booleans())))
def test_marks_are_found_where_the_words_are(parts: list[tuple[str, bool]]) -> None:
    content = "".join(text for text, _ in parts)
    marked = "".join(f"\x02{text}\x03" if mark else text for text, mark in parts)

    highlights = _highlights(content, marked)

    assert [content[start:end] for start, end in highlights] == [text for text, mark in parts if mark]


def test_a_text_that_holds_marks_itself_is_not_highlighted() -> None:
    assert _highlights("a\x02b", "a\x02\x02b\x03") == ()


def test_a_path_prefix_is_taken_literally() -> None:
    assert Filters(path_prefix="50%_a\\").parameters()["path_pattern"] == "50\\%\\_a\\\\%"


def test_only_what_differs_from_the_usual_makes_a_filter_selective() -> None:
    assert not Filters().selective
    assert Filters(project="a").selective
    assert Filters(statuses=("pending",)).selective


@pytest.mark.parametrize(("word", "corrected"), [("kernl", True), ("leak", False), ("mine", False), ("utf8s", False)])
def test_short_words_and_those_with_digits_are_not_corrected(word: str, corrected: bool) -> None:
    assert can_be_corrected(word) is corrected
