"""As whom PostgreSQL runs: it refuses user id 0, and initdb wants a user that has a name."""

import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from ai_stack.local import launch
from ai_stack.local.errors import LocalError

OVERFLOW_UID = 65534  # how a user namespace shows every user that it does not map


@dataclass(frozen=True)
class Identity:
    """The user of a child process.

    Attributes:
        kind: "own" runs as the caller, "namespace" as the caller seen as `uid` inside a user namespace,
            "user" as another existing user (root only).
        uid: user id that the child sees.
        gid: group id that the child sees.
    """

    kind: Literal["own", "namespace", "user"]
    uid: int
    gid: int

    @property
    def launch_options(self) -> list[str]:
        """The options of `launch` that give a program this identity."""
        return [] if self.kind == "own" else [f"--{self.kind}", f"{self.uid}:{self.gid}"]

    def own(self, path: Path) -> None:
        """Make the child the owner of `path`, which the caller has just created."""
        if self.kind == "user":
            os.chown(path, self.uid, self.gid)


OWN = Identity("own", os.geteuid(), os.getegid())


def named_user() -> pwd.struct_passwd:
    """An existing user other than root; one that is not the overflow user where there is a choice.

    Raises:
        LocalError: there is none.
    """
    others = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    if not others:
        raise LocalError("PostgreSQL refuses to run as root and there is no other user: run as an ordinary user")
    return min(others, key=lambda entry: (entry.pw_uid == OVERFLOW_UID, entry.pw_uid))


def allowed(candidate: Identity) -> bool:
    """Whether the system lets this process start a program as `candidate`."""
    command = [*launcher(os.getpid(), 9, candidate), "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 -- fixed argv


def launcher(parent: int, death_signal: int, identity: Identity) -> list[str]:
    """The argv prefix that starts a program under `identity` and ends it with `parent`."""
    lifetime = ["--parent", str(parent), "--death-signal", str(death_signal)]
    return [sys.executable, "-I", "-S", launch.__file__, *lifetime, *identity.launch_options, "--"]


@cache
def database_identity() -> Identity:
    """The identity for PostgreSQL: the caller's own when that works, else a namespace, else ``nobody``.

    Raises:
        LocalError: no identity is possible; the message says what to do.
    """
    root = os.geteuid() == 0
    if not root and has_name(os.geteuid()):
        return OWN
    user = named_user()
    namespace = Identity("namespace", user.pw_uid, user.pw_gid)
    if allowed(namespace):
        return namespace
    if not root:
        raise LocalError(
            f"user id {os.geteuid()} has no name in the user database and user namespaces are not allowed: "
            "run as a user that exists"
        )
    nobody = nobody_identity()
    if allowed(nobody):
        return nobody
    raise LocalError(
        "PostgreSQL refuses to run as root, and this system allows neither user namespaces nor a change of user: "
        "run as an ordinary user"
    )


def nobody_identity() -> Identity:
    """The identity of ``nobody``, or of another user where that name is missing."""
    try:
        user = pwd.getpwnam("nobody")
    except KeyError:
        user = named_user()
    return Identity("user", user.pw_uid, user.pw_gid)


def has_name(uid: int) -> bool:
    """Whether the user database knows `uid`."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
