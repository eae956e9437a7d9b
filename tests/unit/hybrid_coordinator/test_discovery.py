"""What the service says of itself."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.hybrid_coordinator.discovery import CATEGORIES, Depth, disclose
from ai_stack.hybrid_coordinator.routes import ROUTES
from ai_stack.hybrid_coordinator.tokens import EstimatedTokens

COUNTER = EstimatedTokens()
DEPTHS: list[Depth] = ["overview", "detailed", "comprehensive"]


@given(st.sampled_from(DEPTHS), st.integers(min_value=10, max_value=4000))
def test_a_disclosure_keeps_its_budget_and_counts_truly(depth: Depth, budget: int) -> None:
    found = disclose(ROUTES, depth=depth, categories=CATEGORIES, budget=budget, counter=COUNTER)
    assert found.tokens <= budget
    assert found.tokens == COUNTER.count(orjson.dumps(found.capabilities).decode())
    shown = [entry["route"] for entries in found.capabilities.values() for entry in entries]
    assert len(shown) + len(found.omitted) == len(ROUTES)
    assert not set(shown) & set(found.omitted)


def test_each_level_says_more() -> None:
    found = [disclose(ROUTES, depth=d, categories=CATEGORIES, budget=100_000, counter=COUNTER) for d in DEPTHS]
    assert [item.omitted for item in found] == [[], [], []]
    assert found[0].tokens < found[1].tokens < found[2].tokens
    assert len({item.id for item in found}) == 3


@pytest.mark.parametrize("category", CATEGORIES)
def test_only_the_categories_that_are_asked_for_are_told(category: str) -> None:
    found = disclose(ROUTES, depth="overview", categories=[category], budget=100_000, counter=COUNTER)  # type: ignore[list-item]
    assert list(found.capabilities) == [category]
