from hypothesis import given
from hypothesis import strategies as st

from ai_stack.nixos_docs.words import bigrams, camel_phrases, closest, edit_distance, terms, vocabulary

WORD = st.text(alphabet="abcde", max_size=8)


def test_stop_words_are_left_out_and_words_come_once() -> None:
    assert terms("How do I open a port, and a Port range?") == ["open", "port", "range"]


def test_a_question_of_stop_words_keeps_them() -> None:
    assert terms("how to be?") == ["how", "to", "be"]


def test_mixed_case_names_fall_into_their_parts() -> None:
    parts = list(camel_phrases("callPackage, ensureDBOwnership and Plain or UPPER or allowedTCPPorts"))
    assert parts == [("call", "Package"), ("ensure", "DB", "Ownership"), ("allowed", "TCP", "Ports")]


def test_the_vocabulary_is_words_of_letters() -> None:
    assert vocabulary("The x86_64 store, é of Größe: ab abc1") == {"the", "store", "größe", "abc"}


def test_a_swap_of_neighbours_is_one_edit() -> None:
    assert edit_distance("grabage", "garbage", 2) == 1
    assert edit_distance("colection", "collection", 2) == 1
    assert edit_distance("abc", "xyz", 2) == 3


@given(WORD, WORD, st.integers(1, 8))
def test_the_distance_is_symmetric_and_stops_at_the_limit(left: str, right: str, limit: int) -> None:
    distance = edit_distance(left, right, limit)
    assert distance == edit_distance(right, left, limit) <= limit + 1
    assert (distance == 0) == (left == right)
    assert distance == min(edit_distance(left, right, 99), limit + 1)


@given(WORD, st.integers(0, 7), st.sampled_from("abcde"))
def test_one_inserted_letter_is_one_edit(word: str, place: int, letter: str) -> None:
    longer = word[:place] + letter + word[place:]
    assert edit_distance(word, longer, 3) == 1


def test_bigrams_mark_the_ends() -> None:
    assert bigrams("nix") == ["^n", "ni", "ix", "x$"]


def test_the_likeliest_word_is_taken() -> None:
    assert closest("keybord", [("keyword", 90), ("keyboard", 3)]) == "keyboard"
    assert closest("stroe", [("stove", 2), ("store", 1)]) == "store"
    assert closest("fdont", [("front", 9), ("font", 1)]) == "font"


def test_a_word_far_from_all_others_is_left_alone() -> None:
    assert closest("kubernetes", [("tunneling", 5), ("internet", 9)]) is None
