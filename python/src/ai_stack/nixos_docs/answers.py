"""Answers that were given lately, ready to be sent again."""

from collections import OrderedDict
from collections.abc import Hashable


class AnswerCache:
    """Encoded answers by what was asked, the least recently used ones dropped first.

    Args:
        max_bytes: size of all answers together; 0 keeps none.
    """

    def __init__(self, max_bytes: int) -> None:
        self._answers: OrderedDict[Hashable, bytes] = OrderedDict()
        self._max_bytes = max_bytes
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._answers)

    def __contains__(self, asked: Hashable) -> bool:
        return asked in self._answers

    def get(self, asked: Hashable) -> bytes | None:
        """Return the answer to `asked`, None if it is not remembered."""
        answer = self._answers.get(asked)
        if answer is None:
            self.misses += 1
            return None
        self.hits += 1
        self._answers.move_to_end(asked)
        return answer

    def put(self, asked: Hashable, answer: bytes) -> None:
        """Remember an answer."""
        self.bytes += len(answer) - len(self._answers.pop(asked, b""))
        self._answers[asked] = answer
        while self.bytes > self._max_bytes:
            _, dropped = self._answers.popitem(last=False)
            self.bytes -= len(dropped)

    def clear(self) -> int:
        """Forget all answers; return how many they were."""
        count = len(self._answers)
        self._answers.clear()
        self.bytes = 0
        return count
