"""Starting programs that end with their parent, as whom they should run."""

import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ai_stack.local import identity, launch
from ai_stack.local.errors import LocalError
from ai_stack.local.identity import OWN, Identity, launcher
from support.waiting import PATIENCE


def run(*command: str, parent: int | None = None, who: Identity = OWN) -> subprocess.CompletedProcess[str]:
    prefix = launcher(os.getpid() if parent is None else parent, signal.SIGTERM, who)
    return subprocess.run([*prefix, *command], capture_output=True, text=True, check=False)


def test_a_program_gets_its_arguments_untouched_and_private_files() -> None:
    done = run("sh", "-c", 'printf "%s|" "$@"; umask', "name", "--user", "a b", "")
    assert done.stdout == "--user|a b||0077\n"


def test_the_exit_status_of_the_program_is_kept() -> None:
    assert run("sh", "-c", "exit 42").returncode == 42


def test_a_program_sees_the_usual_reaction_to_a_closed_pipe() -> None:
    ignored = next(
        line for line in run("cat", "/proc/self/status").stdout.splitlines() if line.startswith("SigIgn")
    ).split()[1]
    assert int(ignored, 16) & (1 << (signal.SIGPIPE - 1)) == 0


def test_a_program_that_does_not_exist_is_an_error_of_the_launch() -> None:
    done = run("/does/not/exist")
    assert done.returncode == launch.FAILED
    assert done.stderr == "cannot launch /does/not/exist: [Errno 2] No such file or directory\n"


def test_a_program_whose_parent_is_gone_already_is_not_started() -> None:
    done = run("echo", "started", parent=1 if os.getpid() != 1 else 2)
    assert done.returncode == launch.FAILED
    assert done.stdout == ""


def test_a_program_gets_the_death_signal_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, subprocess, sys, time\n"
        "lifetime = ['--parent', str(os.getpid()), '--death-signal', '15', '--']\n"
        "loop = 'trap \"touch ended; exit 0\" TERM; touch began; while :; do sleep 0.02; done'\n"
        "subprocess.Popen([*sys.argv[2:], *lifetime, 'sh', '-c', loop], cwd=sys.argv[1])\n"
        "time.sleep(1000)"
    )
    command = [sys.executable, "-c", script, str(tmp_path), sys.executable, "-IS", launch.__file__]
    with subprocess.Popen(command) as parent:
        wait_for(tmp_path / "began")
        parent.kill()
    wait_for(tmp_path / "ended")


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} did not happen"
        time.sleep(0.01)


def test_postgresql_never_runs_as_root() -> None:
    who = identity.database_identity()
    assert who.kind == ("own" if os.geteuid() else who.kind)
    answer = run("id", "-u", who=who)
    assert answer.stdout.strip() == str(who.uid)
    assert who.uid != 0


def test_a_namespace_keeps_the_owner_of_files_outside(tmp_path: Path) -> None:
    """Where the system allows no user namespaces, the launch says so and starts nothing."""
    user = identity.named_user()
    who = Identity("namespace", user.pw_uid, user.pw_gid)
    done = run("sh", "-c", 'id -u; touch "$0"', str(tmp_path / "made"), who=who)
    if identity.allowed(who):
        assert done.stdout.strip() == str(user.pw_uid)
        assert (tmp_path / "made").stat().st_uid == os.geteuid()
    else:
        assert done.returncode == launch.FAILED
        assert not (tmp_path / "made").exists()


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Kinds of identities that the system refuses; the choice is made anew."""
    refused: set[str] = set()
    monkeypatch.setattr(identity, "allowed", lambda candidate: candidate.kind not in refused)
    return refused


def choose() -> Identity:
    return identity.database_identity.__wrapped__()


def test_root_takes_a_namespace_then_nobody_then_gives_up_with_the_remedy(
    refusing: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert choose().kind == "namespace"
    refusing.add("namespace")
    assert choose() == identity.nobody_identity()
    refusing.add("user")
    with pytest.raises(LocalError, match="run as an ordinary user"):
        choose()


def test_an_ordinary_user_runs_postgresql_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: identity.named_user().pw_uid)
    assert choose() is OWN


def test_a_user_without_a_name_takes_a_namespace_or_is_told(
    refusing: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nameless = max(entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid < 2**31) + 12_345
    monkeypatch.setattr(os, "geteuid", lambda: nameless)
    assert choose().kind == "namespace"
    refusing.add("namespace")
    with pytest.raises(LocalError, match=rf"user id {nameless} has no name .* run as a user that exists"):
        choose()


def test_a_machine_that_knows_only_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwall", lambda: [pwd.struct_passwd(("root", "x", 0, 0, "", "/", "/bin/sh"))])
    with pytest.raises(LocalError, match="no other user"):
        identity.named_user()
    monkeypatch.setattr(pwd, "getpwnam", raise_key_error)
    with pytest.raises(LocalError, match="no other user"):
        identity.nobody_identity()


def raise_key_error(name: str) -> pwd.struct_passwd:
    raise KeyError(name)
