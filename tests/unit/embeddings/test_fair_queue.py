from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ai_stack.embeddings.fair_queue import CALL_COST, LARGEST_SPREAD, FairQueue, Flow

LONGEST = 64


def opened(queue: FairQueue[Flow], client: str, lengths: list[int]) -> Flow:
    flow = Flow(client)
    queue.open(flow)
    for index, length in enumerate(lengths):
        queue.push(flow, index, length)
    return flow


def drain(queue: FairQueue[Flow], budget: int = 1) -> list[tuple[Flow, int]]:
    order = []
    while batch := queue.pop_batch(budget):
        order += [(waiting.flow, waiting.index) for waiting in batch]
    return order


class QueueMachine(RuleBasedStateMachine):
    """Against a plain set of what waits."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: FairQueue[Flow] = FairQueue()
        self.flows: list[Flow] = []
        self.waiting: dict[tuple[Flow, int], int] = {}

    @rule(client=st.sampled_from("abc"), lengths=st.lists(st.integers(1, LONGEST), min_size=1, max_size=6))
    def arrive(self, client: str, lengths: list[int]) -> None:
        flow = opened(self.queue, client, lengths)
        self.flows.append(flow)
        self.waiting |= {(flow, index): length for index, length in enumerate(lengths)}

    @rule(number=st.integers(0, 100))
    def close(self, number: int) -> None:
        if self.flows:
            flow = self.flows.pop(number % len(self.flows))
            self.queue.close(flow)
            self.queue.close(flow)
            self.waiting = {key: length for key, length in self.waiting.items() if key[0] is not flow}

    @rule(budget=st.integers(1, 4 * LONGEST))
    def take(self, budget: int) -> None:
        batch = self.queue.pop_batch(budget)
        assert bool(batch) == bool(self.waiting)
        for waiting in batch:
            assert self.waiting.pop((waiting.flow, waiting.index)) == waiting.length
        if batch:
            lengths = [waiting.length for waiting in batch]
            assert max(lengths) - min(lengths) <= LARGEST_SPREAD
            # Each further length may cost what a call does.
            assert max(lengths) * len(lengths) - sum(lengths) <= CALL_COST * len(set(lengths))
            assert len(batch) == 1 or len(batch) * max(lengths) <= budget

    @invariant()
    def the_count_is_right(self) -> None:
        assert len(self.queue) == len(self.waiting)


TestQueueAgainstAModel = QueueMachine.TestCase


def test_an_empty_queue_gives_no_batch() -> None:
    assert FairQueue[Flow]().pop_batch(100) == []


def test_a_text_longer_than_the_budget_goes_alone() -> None:
    queue: FairQueue[Flow] = FairQueue()
    opened(queue, "a", [50, 50])
    assert [len(queue.pop_batch(10)) for _ in range(3)] == [1, 1, 0]


def test_a_batch_takes_the_nearest_lengths_first() -> None:
    queue: FairQueue[Flow] = FairQueue()
    opened(queue, "a", [10])
    opened(queue, "b", [14, 9, 11, 10, 60])
    assert sorted(waiting.length for waiting in queue.pop_batch(10 * 3)) == [9, 10, 10]
    assert sorted(waiting.length for waiting in queue.pop_batch(1000)) == [11, 14]
    assert [waiting.length for waiting in queue.pop_batch(1000)] == [60]


def test_other_lengths_come_along_only_while_their_padding_costs_less_than_a_call() -> None:
    queue: FairQueue[Flow] = FairQueue()
    opened(queue, "a", [10] * 20)
    opened(queue, "b", [11] * 20 + [9] * 20)
    lengths = Counter(waiting.length for waiting in queue.pop_batch(1000))
    assert lengths == {10: 20, 9: CALL_COST}
    assert Counter(waiting.length for waiting in queue.pop_batch(1000)) == {11: 20, 9: CALL_COST // 2}
    assert Counter(waiting.length for waiting in queue.pop_batch(1000)) == {9: 8}


def test_a_single_text_overtakes_the_rest_of_a_large_request() -> None:
    queue: FairQueue[Flow] = FairQueue()
    opened(queue, "bulk", [100] * 32)
    queue.pop_batch(1)
    single = opened(queue, "search", [100])
    assert [flow for flow, _ in drain(queue)].index(single) <= 1


def test_requests_of_one_client_take_turns() -> None:
    queue: FairQueue[Flow] = FairQueue()
    first, second = opened(queue, "a", [10] * 8), opened(queue, "a", [10] * 8)
    head = Counter(flow for flow, _ in drain(queue)[:8])
    assert abs(head[first] - head[second]) <= 4


def test_a_client_with_many_requests_gets_no_more_than_one_with_few() -> None:
    """Both always have requests open: 20 of one client, 2 of the other."""
    queue: FairQueue[Flow] = FairQueue()
    for client, requests in (("many", 20), ("few", 2)):
        for _ in range(requests):
            opened(queue, client, [10])
    served: Counter[str] = Counter()
    for _ in range(600):
        (waiting,) = queue.pop_batch(1)
        served[waiting.flow.client] += 1
        queue.close(waiting.flow)
        opened(queue, waiting.flow.client, [10])
    assert 0.8 <= served["many"] / served["few"] <= 1.25


@given(st.integers(1, LONGEST), st.lists(st.integers(1, LONGEST), min_size=LONGEST + 1, max_size=LONGEST + 1))
def test_no_text_is_overtaken_without_end(own: int, later: list[int]) -> None:
    """However short the texts are that keep arriving, at most as many go first as the text has tokens."""
    queue: FairQueue[Flow] = FairQueue()
    patient = opened(queue, "patient", [own])
    overtaken = 0
    for number, length in enumerate(later):
        opened(queue, f"other {number}", [length])
        if queue.pop_batch(1)[0].flow is patient:
            break
        overtaken += 1
    assert overtaken <= own


@pytest.mark.parametrize(("cost", "together"), [(1.0, {10: 10}), (0.5, {10: 10, 11: 20})])
def test_where_padding_costs_little_more_of_other_lengths_come_along(cost: float, together: dict[int, int]) -> None:
    queue: FairQueue[Flow] = FairQueue(cost)
    opened(queue, "a", [10] * 10)
    opened(queue, "b", [11] * 20)
    assert Counter(waiting.length for waiting in queue.pop_batch(1000)) == together


@pytest.mark.parametrize(("budget", "texts"), [(22, 1), (23, 2)])
def test_the_budget_counts_padding_at_its_cost(budget: int, texts: int) -> None:
    queue: FairQueue[Flow] = FairQueue(0.5)
    opened(queue, "a", [10, 12])
    assert len(queue.pop_batch(budget)) == texts
