"""A private PostgreSQL cluster in a directory: made, started, recovered, and given databases.

It listens on a Unix socket in a 0700 directory only, and asks for a password (SCRAM) there too.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from ai_stack.local import processes
from ai_stack.local.errors import LocalError
from ai_stack.local.identity import Identity, database_identity, launcher
from ai_stack.local.paths import path_digest, private_directory, secret, socket_directory
from ai_stack.local.postgres_binaries import Binaries, find_binaries
from ai_stack.local.program import Program

SUPERUSER = "postgres"
PORT = 5432  # names the socket file; nothing listens on TCP
LEFTOVER_SECONDS = 15.0


@dataclass(frozen=True)
class ConnectionParameters:
    """How to reach one database.

    Attributes:
        host: directory of the Unix socket.
        port: number in the socket's name.
        database: database name.
        user: role that logs in.
        password: its password.
    """

    host: str
    port: int
    database: str
    user: str
    password: str

    def connect(self, timeout: int = 5) -> Any:
        """A new psycopg2 connection in autocommit mode; `timeout` in seconds.

        Raises:
            psycopg2.OperationalError: the server cannot be reached or refuses.
        """
        connection = psycopg2.connect(
            host=self.host,
            port=self.port,
            dbname=self.database,
            user=self.user,
            password=self.password,
            connect_timeout=timeout,
        )
        connection.autocommit = True
        return connection


class Postgres:
    """One cluster.

    Args:
        state: state directory of the stack; data lie in its folder ``postgres``, or under /var/lib when
            PostgreSQL has to run as another user that cannot reach `state`.
        identity: as whom it runs; found out when None.
        binaries: which installation; found when None.
        settings: server settings beside this class's own, for example ``{"fsync": "off"}`` in tests.

    Raises:
        LocalError: there is no usable installation or identity.
    """

    def __init__(
        self,
        state: Path,
        *,
        identity: Identity | None = None,
        binaries: Binaries | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.state = state.absolute()
        self.identity = identity or database_identity()
        self._found = binaries or find_binaries()
        self.settings = dict(settings or {})
        elsewhere = Path("/var/lib") / f"ai-stack-postgres-{path_digest(state)}"
        if self.identity.kind == "user":
            self.home = elsewhere
            self.binaries = self._found.in_copy(elsewhere / f"installation-{path_digest(self._found.directory)}")
        else:
            self.home = self.state / "postgres"
            self.binaries = self._found
        self.data = self.home / "data"
        private_directory(self.state)
        self.sockets = self.home if self.identity.kind == "user" else socket_directory(self.state)
        self._password = ""

    def prepare(self) -> None:
        """Make what is missing (directories, password, cluster) and end what a crash left running.

        Blocks for some seconds the first time.

        Raises:
            LocalError: the cluster cannot be made, or was made by another major version.
        """
        private_directory(self.state / "log")
        self._make_home()
        self._password = secret(private_directory(self.state / "credentials") / "postgres-superuser")
        if not self.data.exists():
            self._initialise()
        self._check_version()
        self._end_leftovers()

    def program(self) -> Program:
        """The server as a child process; call `prepare` before it starts."""
        # The list may hold several directories: quotes keep a space or comma of the path inside one.
        sockets = str(self.sockets).replace('"', '""')
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": f'"{sockets}"',
            "unix_socket_permissions": "0700",
            "logging_collector": "off",
            **self.settings,
        }
        options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
        return Program(
            name="postgres",
            command=(self.binaries.path("postgres"), "-D", str(self.data), *options),
            directory=self.home,
            log=self.state / "log" / "postgres.log",
            ready=self.ready,
            identity=self.identity,
            # Fast shutdown, then immediate shutdown: PostgreSQL manual, "Shutting Down the Server".
            stop_signal=signal.SIGINT,
            hard_stop_signal=signal.SIGQUIT,
            death_signal=signal.SIGINT,
        )

    def superuser(self, database: str = "postgres") -> ConnectionParameters:
        """How the superuser reaches `database`."""
        return self.address(database, SUPERUSER, self._password)

    def ready(self) -> bool:
        """Whether the server answers a query."""
        try:
            with contextlib.closing(self.superuser().connect(timeout=2)) as connection:
                connection.cursor().execute("SELECT 1")
        except psycopg2.Error:
            return False
        return True

    def address(self, database: str, user: str, password: str) -> ConnectionParameters:
        """How `user` reaches `database`; neither has to exist yet."""
        return ConnectionParameters(str(self.sockets), PORT, database, user, password)

    def ensure_database(self, wanted: ConnectionParameters) -> None:
        """Create role and database where missing, set the role's password, and install pgvector.

        The owner is no superuser, and pgvector can be installed only by one.

        Raises:
            psycopg2.Error: the server is unreachable or refuses.
        """
        owner, database = sql.Identifier(wanted.user), sql.Identifier(wanted.database)
        with contextlib.closing(self.superuser().connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (wanted.user,))
            verb = sql.SQL("ALTER" if cursor.fetchone() else "CREATE")
            cursor.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD %s").format(verb, owner), (wanted.password,))
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (wanted.database,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
        with contextlib.closing(self.superuser(wanted.database).connect()) as connection:
            connection.cursor().execute("CREATE EXTENSION IF NOT EXISTS vector")

    def _make_home(self) -> None:
        if self.identity.kind != "user":
            private_directory(self.home)
            return
        if not self.home.exists():
            private_directory(self.home)
            self.identity.own(self.home)
        found = self.home.lstat()
        if found.st_uid != self.identity.uid or found.st_mode & 0o077:
            raise LocalError(f"{self.home} is not a private directory of user id {self.identity.uid}: remove it")
        self._found.copy_to(self.binaries)

    def _initialise(self) -> None:
        """Create the cluster under another name first, so that an interrupted run leaves nothing half made."""
        partial = self.home / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        with self._password_file() as password_file:
            command = [self.binaries.path("initdb"), "-D", str(partial), "-U", SUPERUSER, "-E", "UTF8"]
            command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "--no-instructions", *self._locale()]
            done = subprocess.run(  # noqa: S603 -- argv is built here
                [*launcher(os.getpid(), signal.SIGKILL, self.identity), *command],
                cwd=self.home,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode != 0:
            shutil.rmtree(partial, ignore_errors=True)
            reason = done.stderr.strip().replace("\n", " | ")
            raise LocalError(f"PostgreSQL could not create its cluster in {self.home}: {reason}")
        partial.rename(self.data)

    def _locale(self) -> list[str]:
        # The built-in provider knows Unicode on every system; before version 17 there is only the C library's.
        if self.binaries.major() >= 17:
            return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return ["--locale=C.UTF-8"]

    @contextlib.contextmanager
    def _password_file(self) -> Iterator[Path]:
        path = self.home / "password"
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(self._password)
        self.identity.own(path)
        try:
            yield path
        finally:
            path.unlink()

    def _check_version(self) -> None:
        try:
            made_by = int((self.data / "PG_VERSION").read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise LocalError(f"{self.data} is not a PostgreSQL cluster: move it away and start again") from error
        runs = self.binaries.major()
        if made_by != runs:
            raise LocalError(
                f"{self.data} was made by PostgreSQL {made_by}, and {self.binaries.directory} holds {runs}: "
                "set PG_BIN to the older version, or move the directory away to begin anew"
            )

    def _end_leftovers(self) -> None:
        """Wait for, then end, what a killed supervisor left; drop a pid file that names no PostgreSQL."""
        for number in (None, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            left = processes.working_in(self.data, "postgres")
            if number is not None:
                for pid in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)
            deadline = time.monotonic() + LEFTOVER_SECONDS
            while processes.working_in(self.data, "postgres"):
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
            else:
                # Nothing of this cluster runs, but the number may have gone to another process meanwhile.
                (self.data / "postmaster.pid").unlink(missing_ok=True)
                return
        raise LocalError(f"processes {processes.working_in(self.data, 'postgres')} still use {self.data}")
