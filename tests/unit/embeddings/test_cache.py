from collections import OrderedDict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.embeddings.cache import ENTRY_OVERHEAD, CachedText, VectorCache

COST = 3 * 4 + ENTRY_OVERHEAD


def entry(number: int) -> CachedText:
    return CachedText(np.full(3, number, dtype=np.float32), tokens=number, truncated=False)


def test_a_kept_text_is_found_again_and_no_other() -> None:
    cache = VectorCache("model", 10 * COST)
    cache.put("a", entry(1))
    found = cache.get("a")
    assert found is not None
    assert found.vector.tolist() == [1, 1, 1]
    assert cache.get("b") is None
    assert cache.size == COST


def test_another_model_knows_the_same_text_by_another_hash() -> None:
    hashes = {VectorCache(identity, 1)._hash("text") for identity in ("one", "two", "x" * 500, "x" * 501)}
    assert len(hashes) == 4


def test_without_room_nothing_is_kept() -> None:
    for room in (0, COST - 1):
        cache = VectorCache("model", room)
        cache.put("a", entry(1))
        assert cache.get("a") is None
        assert (len(cache), cache.size) == (0, 0)


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.booleans(), st.integers(0, 7), st.integers(0, 9)), max_size=80),
)
def test_the_least_recently_used_go_first_and_the_bound_holds(room: int, steps: list[tuple[bool, int, int]]) -> None:
    cache = VectorCache("model", room * COST + COST // 2)
    model: OrderedDict[str, int] = OrderedDict()
    for puts, name, number in steps:
        text = str(name)
        if puts:
            cache.put(text, entry(number))
            model.pop(text, None)
            model[text] = number
            if len(model) > room:
                model.popitem(last=False)
        else:
            found = cache.get(text)
            assert (found.tokens if found else None) == model.get(text)
            if found:
                model.move_to_end(text)
        assert len(cache) == len(model)
        assert cache.size == len(model) * COST
