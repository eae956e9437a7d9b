"""The texts that wait for an engine: fair between clients, handed out in batches of similar length.

Fairness is self-clocked fair queueing (S. J. Golestani, "A Self-Clocked Fair Queueing Scheme for Broadband
Applications", IEEE INFOCOM 1994). Every request is a flow, and its weight is one over the number of requests that its
client has open, so that clients share the engine by tokens however many requests they open and however long these are.
A text's tag is fixed when it arrives; the smallest goes first. A tag exceeds the virtual time, which is the tag
of the last text that went first, so only a bounded amount of later work can overtake a text.

A batch takes the text whose turn it is and all of its length, then those of the lengths nearest to it, in their own
order. What is gained by taking another length along is one call of the engine less, and a call costs no more than
about 8 tokens (MiniLM on one core: 1.7 ms a call, 0.22 ms a token). So the texts of another length are taken along as
far as their padding, or what they make the others need, costs less than that.
"""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

#: What a call of the engine costs beside its tokens, in tokens.
CALL_COST: Final = 8

#: Most tokens between the shortest and the longest text of a batch.
LARGEST_SPREAD: Final = 8

# Nearest lengths first, the shorter one of two: it does not widen the batch.
_OFFSETS: Final = tuple(sorted(range(-LARGEST_SPREAD, LARGEST_SPREAD + 1), key=lambda offset: (abs(offset), offset)))


class Flow:
    """One request of a client. Texts of a `closed` one are never handed out."""

    def __init__(self, client: str) -> None:
        self.client = client
        self.closed = False
        self.waiting = 0
        self.last_tag = 0


F = TypeVar("F", bound=Flow)


@dataclass(slots=True, order=True)
class Waiting(Generic[F]):
    """A text in the queue: its `index` in the request and its `length` in tokens."""

    tag: int
    number: int
    flow: F = field(compare=False)
    index: int = field(compare=False)
    length: int = field(compare=False)


class FairQueue(Generic[F]):
    """Not thread-safe: belongs to the event loop.

    Args:
        padding_cost: of a token of padding; see `Engine.padding_cost`.
    """

    def __init__(self, padding_cost: float = 1.0) -> None:
        self._padding_cost = padding_cost
        self._by_length: dict[int, list[Waiting[F]]] = {}
        self._open: Counter[str] = Counter()
        self._now = 0
        self._number = 0
        self._texts = 0

    def __len__(self) -> int:
        """Texts that wait."""
        return self._texts

    def open(self, flow: F) -> None:
        """Begin a request; `close` ends it."""
        self._open[flow.client] += 1

    def close(self, flow: F) -> None:
        """End a request. Texts of it that still wait are dropped. Closing twice does nothing."""
        if flow.closed:
            return
        flow.closed = True
        self._texts -= flow.waiting
        flow.waiting = 0
        self._open[flow.client] -= 1
        if not self._open[flow.client]:
            del self._open[flow.client]

    def push(self, flow: F, index: int, length: int) -> None:
        """Add a text of `length` tokens to a request that is open."""
        flow.last_tag = max(self._now, flow.last_tag) + length * self._open[flow.client]
        self._number += 1
        waiting = Waiting(flow.last_tag, self._number, flow, index, length)
        heapq.heappush(self._by_length.setdefault(length, []), waiting)
        flow.waiting += 1
        self._texts += 1

    def pop_batch(self, budget: int) -> list[Waiting[F]]:
        """Take the text whose turn it is, and others of about its length.

        Args:
            budget: most tokens of the batch, padding included at its cost. One text is taken however long it is.

        Returns:
            The batch, empty when nothing waits.
        """
        heads = [head for length in list(self._by_length) if (head := self._head(length)) is not None]
        if not heads:
            return []
        first = min(heads)
        self._now = first.tag
        batch: list[Waiting[F]] = []
        tokens = 0
        shortest = longest = first.length
        for offset in _OFFSETS:
            length = first.length + offset
            if max(longest, length) - min(shortest, length) > LARGEST_SPREAD:
                continue
            while self._head(length) is not None:
                width = max(longest, length)
                padding = (width * (len(batch) + 1) - tokens - length) * self._padding_cost
                if batch and (padding > CALL_COST or tokens + length + padding > budget):
                    break
                shortest, longest = min(shortest, length), width
                tokens += length
                batch.append(self._take(length))
        return batch

    def _head(self, length: int) -> Waiting[F] | None:
        """Return the next text of a length, after discarding those of closed requests."""
        waiting = self._by_length.get(length)
        if waiting is None:
            return None
        while waiting and waiting[0].flow.closed:
            heapq.heappop(waiting)
        if not waiting:
            del self._by_length[length]
            return None
        return waiting[0]

    def _take(self, length: int) -> Waiting[F]:
        taken = heapq.heappop(self._by_length[length])
        taken.flow.waiting -= 1
        self._texts -= 1
        return taken
