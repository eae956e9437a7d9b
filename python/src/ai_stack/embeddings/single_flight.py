"""Computes once what several ask for at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._calls: dict[K, asyncio.Future[V]] = {}

    async def run(self, key: K, compute: Callable[[], Awaitable[V]]) -> V:
        """Return what `compute` gives, or what the call that is under way for `key` gives.

        When the caller under way is cancelled, those who wait for it do not go with it: one of them computes.

        Raises:
            Exception: what `compute` raised, in all who waited for it.
        """
        while (under_way := self._calls.get(key)) is not None:
            await asyncio.wait([under_way])
            if not under_way.cancelled():
                return under_way.result()
        future: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._calls[key] = future
        try:
            value = await compute()
        except Exception as error:
            future.set_exception(error)
            future.exception()  # looked at, so that the event loop does not complain when nobody waits
            raise
        except BaseException:
            future.cancel()
            raise
        else:
            future.set_result(value)
            return value
        finally:
            del self._calls[key]
