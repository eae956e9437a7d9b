from hypothesis import given
from hypothesis import strategies as st

from ai_stack.nixos_docs.answers import AnswerCache


def test_answers_are_remembered_until_they_are_cleared() -> None:
    cache = AnswerCache(100)
    assert cache.get("a") is None
    cache.put("a", b"answer")
    assert cache.get("a") == b"answer"
    assert (cache.hits, cache.misses, len(cache), cache.bytes) == (1, 1, 1, 6)
    assert cache.clear() == 1
    assert (cache.get("a"), cache.bytes) == (None, 0)


def test_the_least_recently_used_answers_go_first() -> None:
    cache = AnswerCache(10)
    cache.put("a", b"1234")
    cache.put("b", b"1234")
    cache.get("a")
    cache.put("c", b"1234")
    assert [cache.get(name) is not None for name in "abc"] == [True, False, True]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.binary(max_size=8))), st.integers(0, 20))
def test_the_bound_holds_and_the_count_is_right(puts: list[tuple[str, bytes]], bound: int) -> None:
    cache = AnswerCache(bound)
    for name, answer in puts:
        cache.put(name, answer)
        assert cache.bytes <= bound
    assert cache.bytes == sum(len(cache.get(name) or b"") for name in "abcd")
