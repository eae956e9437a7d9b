"""Become another program that ends with its parent and, when asked, does not run as root.

Run by file path with the interpreter's ``-I -S`` so that it starts fast and needs nothing but the
standard library::

    python -I -S launch.py --parent PID --death-signal N [--namespace U:G | --user U:G] -- COMMAND...

``--namespace`` enters a user namespace in which the caller's own user and group appear as U and G
(user_namespaces(7)); files keep their owner outside. ``--user`` changes the process to U and G, which
only root can do.
"""

import argparse
import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
CLONE_NEWUSER = 0x10000000  # <linux/sched.h>
FAILED = 71  # EX_OSERR of sysexits.h: the system refused what the caller asked for


def enter_user_namespace(uid: int, gid: int) -> None:
    """Move this process into a new user namespace that shows its user as `uid` and its group as `gid`.

    Raises:
        OSError: the system does not allow user namespaces.
    """
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER) was refused")
    # The kernel accepts an unprivileged gid_map only after setgroups has been denied.
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{gid} {outer_gid} 1", encoding="ascii")


def change_user(uid: int, gid: int) -> None:
    """Drop every group and become `uid` and `gid` for good.

    Raises:
        OSError: the caller is not root.
    """
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def die_with(parent: int, death_signal: int) -> None:
    """Have the kernel send `death_signal` to this process when `parent` ends, and end now if it already has.

    Raises:
        OSError: prctl(2) was refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != parent:
        raise OSError("the parent process ended during the launch")


def identity(text: str) -> tuple[int, int]:
    """Parse ``U:G``."""
    uid, gid = text.split(":")
    return int(uid), int(gid)


def main(arguments: list[str]) -> int:
    """Parse, prepare, and replace this process; returns only when that failed."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--death-signal", type=int, required=True)
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--namespace", type=identity)
    who.add_argument("--user", type=identity)
    parser.add_argument("command", nargs="+")
    given = parser.parse_args(arguments)
    try:
        if given.namespace:
            enter_user_namespace(*given.namespace)
        if given.user:
            change_user(*given.user)
        # After the change of user: that clears the death signal.
        die_with(given.parent, given.death_signal)
        os.umask(0o077)
        # Python ignores these two, and a program inherits what is ignored.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.execvp(given.command[0], given.command)  # noqa: S606 -- becoming the command is the purpose
    except OSError as error:
        sys.stderr.write(f"cannot launch {given.command[0]}: {error}\n")
    return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
