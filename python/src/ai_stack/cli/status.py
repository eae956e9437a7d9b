"""`ai-stack status`: what runs, and whether it can serve."""

import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp

from ai_stack.local.lock import StateLock
from ai_stack.local.record import read_record

PROBE_SECONDS = 3.0


@dataclass(frozen=True)
class ChildStatus:
    """One line of the status.

    Attributes:
        name: of the child.
        state: as the supervisor sees it.
        ready: what the service itself says; None for a store.
        pid: process id.
        restarts: how often it was started again.
        url: base URL; None for a store.
    """

    name: str
    state: str
    ready: bool | None
    pid: int | None
    restarts: int
    url: str | None


@dataclass(frozen=True)
class StackStatus:
    """The status of a stack.

    Attributes:
        state: "stopped", "starting" or "running".
        supervisor: process id of the supervisor.
        children: every child, none unless running.
        api_key_file: file with the user's key.
    """

    state: str
    supervisor: int | None
    children: list[ChildStatus]
    api_key_file: str | None

    @property
    def healthy(self) -> bool:
        """Whether everything runs and can serve."""
        return self.state == "running" and all(
            child.state == "ready" and child.ready is not False for child in self.children
        )

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**asdict(self), "healthy": self.healthy}


async def stack_status(directory: Path) -> StackStatus:
    """Look at the stack in a state directory.

    Raises:
        LocalError: its record is damaged.
    """
    holder = await asyncio.to_thread(StateLock(directory).holder)
    if holder is None:
        return StackStatus("stopped", None, [], None)
    record = await asyncio.to_thread(read_record, directory)
    if record is None:
        return StackStatus("starting", holder, [], None)
    timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        answers = await asyncio.gather(*(is_ready(session, url) for url in record.services.values()))
    ready = dict(zip(record.services, answers, strict=True))
    children = [
        ChildStatus(name, child.state, ready.get(name), child.pid, child.restarts, record.services.get(name))
        for name, child in record.children.items()
    ]
    return StackStatus("running", holder, children, str(record.api_key_file))


async def is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    """Whether the service at `url` says that it can serve."""
    try:
        async with session.get(f"{url}/health/ready") as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
