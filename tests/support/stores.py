"""Fixtures that start the real stores, once per test session.

A store that cannot be started is a failure, never a skip: a suite without its stores proves nothing.
"""

import itertools
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from ai_stack.local.errors import LocalError
from ai_stack.local.postgres import ConnectionParameters, Postgres
from ai_stack.local.program import RunningProgram
from ai_stack.local.valkey import CacheParameters, Valkey


class PostgresFixture:
    """A running PostgreSQL; `server` stops, kills and starts it again."""

    def __init__(self, cluster: Postgres) -> None:
        self.cluster = cluster
        self.server = RunningProgram(cluster.program())
        self._numbers = itertools.count(1)

    def new_database(self) -> ConnectionParameters:
        """A fresh database with pgvector installed, owned by a fresh role that is no superuser."""
        name = f"test_{next(self._numbers)}"
        wanted = self.cluster.address(name, name, secrets.token_urlsafe(16))
        self.cluster.ensure_database(wanted)
        return wanted


class ValkeyFixture:
    """A running Valkey; `server` stops, kills and starts it again."""

    def __init__(self, store: Valkey) -> None:
        self.store = store
        self.server = RunningProgram(store.program())

    def fresh(self) -> CacheParameters:
        """How to reach the server after everything in it was deleted."""
        client = self.store.parameters.client()
        client.flushall()
        client.close()
        return self.store.parameters


@pytest.fixture(scope="session")
def stores_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of the session's stores."""
    return tmp_path_factory.mktemp("stores")


@pytest.fixture(scope="session")
def postgres(stores_state: Path) -> Iterator[PostgresFixture]:
    """The session's PostgreSQL with pgvector."""
    try:
        # Nothing of a test must survive a power failure. A killed server must keep what it acknowledged, so
        # synchronous_commit stays on.
        unsafe = {"fsync": "off", "full_page_writes": "off"}
        cluster = Postgres(stores_state, settings=unsafe)
        cluster.prepare()
        fixture = PostgresFixture(cluster)
        fixture.server.start()
    except LocalError as error:
        pytest.fail(f"PostgreSQL is needed for this test: {error}", pytrace=False)
    yield fixture
    fixture.server.stop()


@pytest.fixture(scope="session")
def valkey(stores_state: Path) -> Iterator[ValkeyFixture]:
    """The session's Valkey."""
    try:
        store = Valkey(stores_state)
        store.prepare()
        fixture = ValkeyFixture(store)
        fixture.server.start()
    except LocalError as error:
        pytest.fail(f"Valkey is needed for this test: {error}", pytrace=False)
    yield fixture
    fixture.server.stop()
