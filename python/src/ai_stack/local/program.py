"""One program of the stack: how it is started, where it logs, how it is stopped."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ai_stack.local import logfile
from ai_stack.local.errors import LocalError
from ai_stack.local.identity import OWN, Identity, launcher

POLL_SECONDS = 0.05


def base_environment() -> dict[str, str]:
    """What every child may see of this process's environment: the search path, home, locale and time zone."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


@dataclass(frozen=True)
class Program:
    """What a child process is.

    Attributes:
        name: short name, unique in a stack.
        command: argv; it holds no secret, because every user can read it.
        directory: working directory, which identifies the process after a crash of the supervisor.
        log: file that standard output and error are appended to.
        ready: quick blocking probe, True when the program can serve.
        identity: as whom it runs.
        environment: the whole environment.
        stop_signal: asks for an orderly end.
        hard_stop_signal: ends it at once.
        death_signal: what the kernel sends when the supervisor ends.
    """

    name: str
    command: tuple[str, ...]
    directory: Path
    log: Path
    ready: Callable[[], bool]
    identity: Identity = OWN
    environment: Mapping[str, str] = field(default_factory=base_environment)
    stop_signal: signal.Signals = signal.SIGTERM
    hard_stop_signal: signal.Signals = signal.SIGKILL
    death_signal: signal.Signals = signal.SIGKILL

    def argv(self) -> list[str]:
        """The command behind the launcher that ties it to this process."""
        return [*launcher(os.getpid(), self.death_signal, self.identity), *self.command]

    def last_words(self) -> str:
        """Why the program ended, as far as the end of its log tells, in one line."""
        return logfile.summary(logfile.last_lines(self.log, 20)) or "the log is empty"


@contextlib.contextmanager
def open_log(program: Program) -> Iterator[int]:
    """The file descriptor that a child appends its output to; it may be closed once the child runs.

    Raises:
        LocalError: the file cannot be opened, or the start inside the block failed.
    """
    try:
        log = os.open(program.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            yield log
        finally:
            os.close(log)
    except OSError as error:
        raise LocalError(f"cannot start {program.name}: {error}") from error


def start(program: Program) -> subprocess.Popen[bytes]:
    """Start `program` in its own session, so that a terminal's Ctrl-C reaches only its starter.

    The calling thread must outlive the program: the kernel ties the death signal to the thread.

    Raises:
        LocalError: the program or its log file could not be started.
    """
    with open_log(program) as log:
        return subprocess.Popen(  # noqa: S603 -- argv is built by this package
            program.argv(),
            cwd=program.directory,
            env=dict(program.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


async def start_async(program: Program) -> asyncio.subprocess.Process:
    """`start` for an event loop, with a process that it can wait for.

    Raises:
        LocalError: the program or its log file could not be started.
    """
    with open_log(program) as log:
        return await asyncio.create_subprocess_exec(
            *program.argv(),
            cwd=program.directory,
            env=dict(program.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def wait_ready(program: Program, process: subprocess.Popen[bytes], timeout: float) -> None:
    """Block until `program` can serve.

    Args:
        program: what was started.
        process: its process.
        timeout: seconds to wait.

    Raises:
        LocalError: it ended first, or was not ready in time.
    """
    deadline = time.monotonic() + timeout
    while not program.ready():
        if process.poll() is not None:
            raise LocalError(f"{program.name} ended at its start: {program.last_words()} (log: {program.log})")
        if time.monotonic() > deadline:
            raise LocalError(f"{program.name} was not ready within {timeout:g} s (log: {program.log})")
        time.sleep(POLL_SECONDS)


def stop(program: Program, process: subprocess.Popen[bytes], timeout: float) -> None:
    """Block until the process has ended: in order if it does so within `timeout` seconds, else by force."""
    for number, patience in (
        (program.stop_signal, timeout),
        (program.hard_stop_signal, timeout),
        (signal.SIGKILL, None),
    ):
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue


class RunningProgram:
    """A program that blocking code starts, stops and kills; the supervisor has its own asynchronous way."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id.

        Raises:
            LocalError: it is not running.
        """
        if self._process is None or self._process.poll() is not None:
            raise LocalError(f"{self.program.name} is not running")
        return self._process.pid

    def start(self, timeout: float = 30.0) -> None:
        """Start it and wait up to `timeout` seconds until it can serve.

        Raises:
            LocalError: it ended or was not ready in time; then nothing is left running.
        """
        self._process = start(self.program)
        try:
            wait_ready(self.program, self._process, timeout)
        except BaseException:
            self.stop()
            raise

    def stop(self, timeout: float = 15.0) -> None:
        """End it in order, or by force after `timeout` seconds."""
        if self._process is not None:
            stop(self.program, self._process, timeout)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
