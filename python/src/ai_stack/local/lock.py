"""One supervisor per state directory: an advisory lock that ends with the process that holds it."""

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from ai_stack.local.errors import LocalError


class AlreadyRunningError(LocalError):
    """Another process holds the state directory.

    Attributes:
        pid: that process, None when it has not said.
    """

    def __init__(self, path: Path, pid: int | None) -> None:
        super().__init__(f"already running (pid {pid or 'unknown'}) on {path.parent}")
        self.pid = pid


class StateLock:
    """The lock of a state directory (flock(2)), as a context manager.

    Args:
        state: the state directory, which exists.
    """

    def __init__(self, state: Path) -> None:
        self._path = state / "lock"
        self._handle: int | None = None

    def __enter__(self) -> Self:
        """Take the lock and write this process's id into it.

        Raises:
            AlreadyRunningError: somebody has it.
        """
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise AlreadyRunningError(self._path, self.holder()) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        if self._handle is not None:
            # The file stays: removing it would let two processes lock two files of the same name.
            os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None

    def holder(self) -> int | None:
        """Who holds the lock, None when nobody does or the holder has not said."""
        with contextlib.suppress(OSError, ValueError):
            handle = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                # A shared lock is granted exactly when no supervisor runs.
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(os.read(handle, 32))
            finally:
                os.close(handle)
        return None
