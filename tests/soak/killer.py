"""Kills processes of a stack at random moments, and measures how long each takes to be back."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import aiohttp
import psycopg2

from ai_stack.local.postgres import ConnectionParameters
from bench.processes import family
from support.stack import RunningStack

#: A process of the PostgreSQL server that is not its first: the server then ends all others, and recovers by itself.
SERVER_PROCESS: Final = "postgres process"
POSTGRES: Final = "postgres"
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Recovery:
    """One kill.

    Attributes:
        unit: what was killed.
        at: seconds from the beginning of the run.
        seconds: until it served again; None when it did not in time.
    """

    unit: str
    at: float
    seconds: float | None


class Killer:
    """Kills one thing after the other; several may be away at once.

    Args:
        stack: what is killed.
        database: of aidb, to see whether the server answers.
        session: for the probes.
        chance: chooses.
        patience: seconds after which a unit counts as not coming back.
    """

    def __init__(
        self,
        stack: RunningStack,
        database: ConnectionParameters,
        session: aiohttp.ClientSession,
        chance: random.Random,
        patience: float,
    ) -> None:
        self._stack = stack
        self._database = database
        self._session = session
        self._chance = chance
        self._patience = patience
        self._away: set[str] = set()
        self._began = time.monotonic()
        self.recoveries: list[Recovery] = []

    async def run(self, kills: int, seconds: float) -> None:
        """Kill so often within so many seconds, and return when all are back or given up."""
        moments = sorted(self._chance.uniform(0, seconds) for _ in range(kills))
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for moment in moments:
                await asyncio.sleep(self._began + moment - time.monotonic())
                unit, back = await self._kill_one()
                group.create_task(self._measure(unit, back))

    async def whole(self) -> bool:
        """Whether every unit is there and serves."""
        children = self._stack.record["children"].values()
        if any(child["state"] != "ready" for child in children):
            return False
        return all([await self._serves(name) for name in self._stack.services])

    async def _kill_one(self) -> tuple[str, Callable[[], Awaitable[bool]]]:
        while not (units := [each for each in self._units() if _child(each) not in self._away]):
            await asyncio.sleep(_POLL_SECONDS)
        unit = self._chance.choice(units)
        pid = self._stack.pid(_child(unit))
        self._away.add(_child(unit))
        if unit == SERVER_PROCESS:
            return unit, self._kill_server_process(pid)
        os.kill(pid, signal.SIGKILL)

        async def back() -> bool:
            child = self._stack.record["children"][unit]
            return bool(child["state"] == "ready" and child["pid"] != pid and await self._serves(unit))

        return unit, back

    def _units(self) -> list[str]:
        children = self._stack.record["children"]
        ready = [name for name, child in children.items() if child["state"] == "ready" and child["pid"] is not None]
        return [*ready, SERVER_PROCESS] if POSTGRES in ready else ready

    def _kill_server_process(self, server: int) -> Callable[[], Awaitable[bool]]:
        before = set(family(server)[1:])
        os.kill(self._chance.choice(sorted(before)), signal.SIGKILL)

        async def back() -> bool:
            return not before & set(family(server)[1:]) and await self._serves(POSTGRES)

        return back

    async def _measure(self, unit: str, back: Callable[[], Awaitable[bool]]) -> None:
        killed = time.monotonic()
        while not (is_back := await back()) and time.monotonic() < killed + self._patience:
            await asyncio.sleep(_POLL_SECONDS)
        seconds = time.monotonic() - killed if is_back else None
        self._away.discard(_child(unit))
        self.recoveries.append(Recovery(unit, killed - self._began, seconds))

    async def _serves(self, unit: str) -> bool:
        if unit == POSTGRES:
            return await asyncio.to_thread(self._database_answers)
        url = self._stack.services.get(unit)
        if url is None:  # the supervisor has asked it
            return True
        try:
            async with self._session.get(f"{url}/health/ready", timeout=aiohttp.ClientTimeout(total=5)) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    def _database_answers(self) -> bool:
        try:
            with closing(self._database.connect(timeout=2)) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except psycopg2.Error:
            return False
        return True


def _child(unit: str) -> str:
    """The child of the supervisor that a unit is, or belongs to."""
    return POSTGRES if unit == SERVER_PROCESS else unit
