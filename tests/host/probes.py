#!/usr/bin/python3
"""One operation by the name of the directive that forbids it: ends with 0 when the system lets it happen.

Runs on a machine, with Python's standard library alone. What would change something is asked with arguments that the
kernel refuses after it has looked at the privileges.
"""

import ctypes
import errno
import mmap
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p

SHARED_KEY = 0x00A15AC3
ADD_KEY, REQUEST_KEY, INIT_MODULE, ADJTIMEX = 248, 249, 175, 159  # x86-64
USER_KEYRING = -4
ADJ_TICK = 0x4000
CLONE_NEWNET = 0x40000000


def writes(path: str) -> bool:
    Path(path).write_text("x")
    Path(path).unlink()
    return True


def not_forbidden(result: int) -> bool:
    return result != -1 or ctypes.get_errno() != errno.EPERM


def talks_to_itself() -> bool:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=3):
        return True


def changes_owner() -> bool:
    Path("/run/probe-owned").touch()
    os.chown("/run/probe-owned", 1, 1)
    return True


def has_raw_socket() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP):
        return True


def opens_device() -> bool:
    os.close(os.open("/opt/probe-device", os.O_WRONLY))
    return True


def finds_key_of_user() -> bool:
    added = libc.syscall(ADD_KEY, b"user", b"probe", b"x", 1, USER_KEYRING)
    return bool(added != -1 and libc.syscall(REQUEST_KEY, b"user", b"probe", None, 0) != -1)


def mounts_for_all() -> bool:
    subprocess.run(["mount", "-t", "tmpfs", "probe", "/mnt"], check=True)
    seen = " /mnt " in Path("/proc/1/mountinfo").read_text()
    subprocess.run(["umount", "/mnt"], check=True)
    return seen


def sets_clock() -> bool:
    timex = ctypes.create_string_buffer(256)
    ctypes.c_uint.from_buffer(timex).value = ADJ_TICK  # of length 0, which is refused
    return not_forbidden(libc.syscall(ADJTIMEX, timex))


def makes_group() -> bool:
    group = next(Path(place) for place in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup") if Path(place).is_dir()) / "probe"
    group.mkdir()
    group.rmdir()
    return True


def runs_32_bit_call() -> bool:
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("53b814000000cd805bc3"))  # push rbx; mov eax, 20 (getpid); int 0x80; pop rbx; ret
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    return bool(call() > 0)


def sets_same_host_name() -> bool:
    socket.sethostname(socket.gethostname())
    return True


def sets_tunable() -> bool:
    tunable = Path("/proc/sys/net/ipv4/ip_forward")
    tunable.write_text(tunable.read_text())
    return True


def makes_shared_memory() -> bool:
    return bool(libc.shmget(SHARED_KEY, 1, 0o1600) != -1)


def takes_priority() -> bool:
    # 0 is no priority that there is: the kernel refuses it, but not as something forbidden.
    return not_forbidden(libc.sched_setscheduler(0, os.SCHED_FIFO, ctypes.byref(ctypes.c_int(0))))


def makes_set_user_id_file() -> bool:
    Path("/run/probe-suid").touch()
    os.chmod("/run/probe-suid", 0o4755)
    Path("/run/probe-suid").unlink()
    return True


def changes_root() -> bool:
    os.chroot("/")
    return True


def survives_forbidden_call() -> bool:
    try:
        os.chroot("/")
    except OSError as error:
        return error.errno == errno.EPERM
    return False


PROBES: dict[str, Callable[[], bool]] = {
    "AmbientCapabilities": has_raw_socket,
    "CapabilityBoundingSet": changes_owner,
    "DevicePolicy": opens_device,
    "IPAddressAllow": talks_to_itself,
    "IPAddressDeny": talks_to_itself,
    "KeyringMode": finds_key_of_user,
    "LockPersonality": lambda: libc.personality(0x0040000) != -1,
    "MemoryDenyWriteExecute": lambda: libc.mmap(None, 4096, 7, 0x22, -1, 0) != ctypes.c_void_p(-1).value,
    "NoNewPrivileges": lambda: subprocess.check_output(["/opt/probe-id", "-u"]) == b"0\n",
    "PrivateDevices": lambda: Path("/dev/probe-marker").exists(),
    "PrivateIPC": lambda: libc.shmget(SHARED_KEY + 1, 0, 0) != -1,
    "PrivateMounts": mounts_for_all,
    "PrivateTmp": lambda: Path("/tmp/probe-marker").exists(),
    "PrivateUsers": changes_owner,
    "ProcSubset": lambda: Path("/proc/meminfo").exists(),
    "ProtectClock": sets_clock,
    "ProtectControlGroups": makes_group,
    "ProtectHome": lambda: Path("/root/probe-marker").exists(),
    "ProtectHostname": sets_same_host_name,
    "ProtectKernelLogs": lambda: libc.klogctl(3, ctypes.create_string_buffer(64), 64) >= 0,
    "ProtectKernelModules": lambda: not_forbidden(libc.syscall(INIT_MODULE, None, 0, b"")),
    "ProtectKernelTunables": sets_tunable,
    "ProtectProc": lambda: Path("/proc/1").exists(),
    "ProtectSystem": lambda: writes("/var/probe"),
    "RemoveIPC": makes_shared_memory,
    "RestrictAddressFamilies": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).fileno() >= 0,
    "RestrictNamespaces": lambda: libc.unshare(CLONE_NEWNET) == 0,
    "RestrictRealtime": takes_priority,
    "RestrictSUIDSGID": makes_set_user_id_file,
    "SystemCallArchitectures": runs_32_bit_call,
    "SystemCallErrorNumber": survives_forbidden_call,
    "SystemCallFilter": changes_root,
    "UMask": lambda: os.umask(0) != 0o077,
}

if __name__ == "__main__":
    sys.exit(0 if PROBES[sys.argv[1]]() else 1)
