"""A TCP proxy that does to a connection what networks and broken servers do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path


class Proxy:
    """Passes connections on to a Unix socket.

    Attributes:
        target: where new connections go.
        change: what becomes of the bytes that the server sends.
        delay: seconds that every piece of them takes longer.
        silent: nothing gets through any more, in either direction, and nobody is told.
        port: where it listens on 127.0.0.1.
        accepted: how many connections there have been.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.change: Callable[[bytes], bytes] = lambda content: content
        self.delay = 0.0
        self.silent = False
        self.port = 0
        self.accepted = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        try:
            with contextlib.closing(writer):
                if self.silent:
                    await asyncio.Event().wait()
                far_reader, far_writer = await asyncio.open_unix_connection(str(self.target))
                with contextlib.closing(far_writer):
                    there = asyncio.create_task(self._pass_on(reader, far_writer, bytes, slow=False))
                    back = asyncio.create_task(self._pass_on(far_reader, writer, self._changed, slow=True))
                    try:
                        await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        there.cancel()
                        back.cancel()
                        await asyncio.gather(there, back, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            return
        finally:
            self._tasks.discard(task)

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        change: Callable[[bytes], bytes],
        *,
        slow: bool,
    ) -> None:
        while content := await reader.read(65536):
            if slow and self.delay:
                await asyncio.sleep(self.delay)
            if self.silent:
                await asyncio.Event().wait()
            writer.write(change(content))
            await writer.drain()

    def _changed(self, content: bytes) -> bytes:
        return self.change(content)

    async def cut(self) -> None:
        """Close every connection."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def proxy(target: Path) -> AsyncIterator[Proxy]:
    """Run a proxy in front of a Unix socket."""
    made = Proxy(target)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.cut()
        await server.wait_closed()
