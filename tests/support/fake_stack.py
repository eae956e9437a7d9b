"""A running stack as the command line sees it: a fake server behind a real record and key."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeStack:
    """Answers by `routes` ("METHOD /path"), and remembers what it was asked."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.check_key = True
        self.routes: dict[str, Handler] = {}
        self.requests: list[tuple[str, object]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Check the key and call the handler of the route."""
        assert not self.check_key or request.headers["X-API-Key"] == "the key"
        name = f"{request.method} {request.path}"
        self.requests.append((name, await request.json() if request.can_read_body else None))
        return await self.routes[name](request)
