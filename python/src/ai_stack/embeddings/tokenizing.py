"""Tokenizes off the event loop, the texts of several requests at a time.

Handing work to a thread and back costs more than tokenizing a short text. As in the batcher nothing waits for company:
a free worker takes at once what is there, and what arrives meanwhile goes together.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Final

from ai_stack.embeddings.tokens import TokenizedText

#: Characters of one call after which no further request is added to it: some milliseconds of work.
ENOUGH_CHARACTERS: Final = 20_000

_Request = tuple[Sequence[str], asyncio.Future[list[TokenizedText]]]


class SharedTokenizer:
    """Belongs to one event loop; only the tokenizer runs elsewhere.

    Args:
        encode: tokenizes texts; called in the executor.
        executor: with at least `workers` threads.
        workers: calls at the same time.
    """

    def __init__(
        self, encode: Callable[[Sequence[str]], list[TokenizedText]], executor: Executor, *, workers: int
    ) -> None:
        self._encode = encode
        self._executor = executor
        self._idle = workers
        self._waiting: deque[_Request] = deque()

    async def encode(self, texts: Sequence[str]) -> list[TokenizedText]:
        """Return the tokens of each text. When the caller is cancelled, what has not begun yet never will.

        Raises:
            Exception: what the tokenizer raised for texts that were tokenized together.
        """
        future: asyncio.Future[list[TokenizedText]] = asyncio.get_running_loop().create_future()
        self._waiting.append((texts, future))
        self._dispatch()
        return await future

    def _dispatch(self) -> None:
        loop = asyncio.get_running_loop()
        while self._idle and (group := self._next_group()):
            try:
                call = loop.run_in_executor(
                    self._executor, self._encode, [text for texts, _ in group for text in texts]
                )
            except RuntimeError as error:  # no thread to be had, or shut down
                _fail(group, error)
            else:
                self._idle -= 1
                call.add_done_callback(partial(self._finish, group))

    def _next_group(self) -> list[_Request]:
        group: list[_Request] = []
        characters = 0
        while self._waiting and characters < ENOUGH_CHARACTERS:
            texts, future = self._waiting.popleft()
            if not future.done():
                group.append((texts, future))
                characters += sum(map(len, texts))
        return group

    def _finish(self, group: list[_Request], call: asyncio.Future[list[TokenizedText]]) -> None:
        self._idle += 1
        try:
            tokenized = call.result()
        except Exception as error:  # whatever it is, it belongs to the requests
            _fail(group, error)
        else:
            start = 0
            for texts, future in group:
                if not future.done():
                    future.set_result(tokenized[start : start + len(texts)])
                start += len(texts)
        self._dispatch()


def _fail(group: list[_Request], error: Exception) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)
