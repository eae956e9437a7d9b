"""The embedded stores, started for real."""

import contextlib
import os
import shutil
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ai_stack.local import processes
from ai_stack.local.errors import LocalError
from ai_stack.local.identity import allowed, nobody_identity
from ai_stack.local.postgres import Postgres
from ai_stack.local.program import RunningProgram
from ai_stack.local.valkey import Valkey
from support.stores import PostgresFixture, ValkeyFixture
from support.waiting import PATIENCE


def one(connection: object, query: str) -> object:
    with connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(query)
        return cursor.fetchone()[0]


@pytest.fixture
def awkward_state(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory whose path has a space, a quote and a comma, and is too long for a socket."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("r")))
    return tmp_path / "with space, 'quote' and \"double\"" / ("long" * 30)


@contextlib.contextmanager
def running(store: Postgres | Valkey) -> Iterator[RunningProgram]:
    store.prepare()
    server = RunningProgram(store.program())
    server.start()
    try:
        yield server
    finally:
        server.stop()


def test_a_new_database_belongs_to_a_role_without_special_rights_and_has_pgvector(
    postgres: PostgresFixture,
) -> None:
    with contextlib.closing(postgres.new_database().connect()) as connection:
        assert one(connection, "SELECT '[1,2]'::vector <-> '[4,6]'::vector") == 5.0
        assert one(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        assert one(connection, "SELECT lower('ÄÖÜ')") == "äöü"


def test_each_database_is_fresh(postgres: PostgresFixture) -> None:
    first, second = postgres.new_database(), postgres.new_database()
    with contextlib.closing(first.connect()) as connection:
        connection.cursor().execute("CREATE TABLE t (id int)")
    with contextlib.closing(second.connect()) as connection:
        assert one(connection, "SELECT to_regclass('t')") is None


def test_postgresql_refuses_a_wrong_password_and_listens_on_no_port(postgres: PostgresFixture) -> None:
    given = postgres.new_database()
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        type(given)(given.host, given.port, given.database, given.user, "wrong").connect()
    with contextlib.closing(postgres.cluster.superuser().connect()) as connection:
        assert one(connection, "SHOW listen_addresses") == ""
    assert stat.S_IMODE(os.stat(given.host).st_mode) == 0o700


def test_valkey_refuses_a_client_without_the_password(valkey: ValkeyFixture) -> None:
    reached = valkey.fresh()
    client = reached.client()
    client.set("k", "v")
    assert client.get("k") == b"v"
    client.close()
    stranger = redis.Redis(unix_socket_path=str(reached.socket), retry=Retry(NoBackoff(), 0))
    with pytest.raises(redis.AuthenticationError):
        stranger.get("k")
    stranger.close()
    by_url = redis.Redis.from_url(reached.url, password=reached.password)
    assert by_url.ping()
    by_url.close()


def test_no_secret_shows_in_the_arguments_or_environment_of_a_store(
    postgres: PostgresFixture, valkey: ValkeyFixture
) -> None:
    for server, secret in (
        (postgres.server, postgres.cluster.superuser().password),
        (valkey.server, valkey.store.parameters.password),
    ):
        for place in ("cmdline", "environ"):
            assert secret.encode() not in Path(f"/proc/{server.pid}/{place}").read_bytes()


def test_stores_work_in_a_long_path_with_awkward_characters(awkward_state: Path) -> None:
    with running(Postgres(awkward_state)), running(Valkey(awkward_state)):
        pass


def test_what_was_committed_survives_a_kill_of_postgresql_and_a_stale_pid_file(tmp_path: Path) -> None:
    cluster = Postgres(tmp_path)
    with running(cluster) as server:
        given = cluster.address("kept", "kept", "a password")
        cluster.ensure_database(given)
        with contextlib.closing(given.connect()) as connection:
            connection.cursor().execute("CREATE TABLE t AS SELECT 42 AS answer")
        server.kill()
        pid_file = cluster.data / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        # The worst case: the number now belongs to a living process that is not PostgreSQL.
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
        cluster.prepare()
        server.start()
        with contextlib.closing(given.connect()) as connection:
            assert one(connection, "SELECT answer FROM t") == 42


def test_a_postgresql_that_a_killed_supervisor_left_is_ended_before_the_next_start(tmp_path: Path) -> None:
    cluster = Postgres(tmp_path)
    with running(cluster) as left:
        left.pid  # noqa: B018 -- raises if it does not run
        os.kill(left.pid, signal.SIGINT)
        again = Postgres(tmp_path)
        with running(again):
            assert again.ready()


def test_an_interrupted_initialisation_is_done_again(tmp_path: Path) -> None:
    cluster = Postgres(tmp_path)
    partial = tmp_path / "postgres" / "data.partial"
    partial.mkdir(parents=True)
    (partial / "PG_VERSION").write_text("18\n")
    with running(cluster):
        assert not partial.exists()


def test_a_cluster_of_another_major_version_is_refused_with_the_remedy(tmp_path: Path) -> None:
    cluster = Postgres(tmp_path)
    cluster.data.mkdir(parents=True)
    (cluster.data / "PG_VERSION").write_text("12\n")
    with pytest.raises(LocalError, match=r"made by PostgreSQL 12.*PG_BIN"):
        cluster.prepare()


def test_a_store_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    """A child process starts both stores and is killed with SIGKILL."""
    ready_end, child_end = os.pipe()
    child = os.fork()
    if child == 0:
        stores: list[Postgres | Valkey] = [Postgres(tmp_path), Valkey(tmp_path)]
        for store in stores:
            store.prepare()
            RunningProgram(store.program()).start()
        os.write(child_end, b"up")
        signal.pause()
    os.close(child_end)
    assert os.read(ready_end, 2) == b"up"
    os.close(ready_end)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    cluster = Postgres(tmp_path)
    deadline = time.monotonic() + PATIENCE
    while processes.working_in(cluster.data, "postgres") or processes.working_in(tmp_path / "valkey", "valkey-server"):
        assert time.monotonic() < deadline, "a store outlived its starter"
        time.sleep(0.05)


def test_root_without_user_namespaces_runs_postgresql_as_nobody(tmp_path: Path) -> None:
    """A caller that is not root never needs this way, and the system refuses it."""
    identity = nobody_identity()
    assert allowed(identity) == (os.geteuid() == 0)
    if os.geteuid() != 0:
        return
    cluster = Postgres(tmp_path, identity=identity)
    try:
        with running(cluster) as server:
            assert os.stat(f"/proc/{server.pid}").st_uid == identity.uid
            assert cluster.data.stat().st_uid == identity.uid
    finally:
        shutil.rmtree(cluster.home)
