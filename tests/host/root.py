"""The root that every machine stands on: Debian with this repository on it, made once and kept outside the clone."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent

#: What the Debian root, and what lies over it, is made from.
BASE = (
    "tests/host/packages.txt",
    "tests/host/build-base.sh",
    *(f"python/{lock}.lock" for lock in ("build", "requirements", "model")),
)
MODEL = (
    "tests/host/build-code.sh",
    "pkgs/model-onnx/export.py",
    *(f"python/src/ai_stack/embeddings/{module}.py" for module in ("export", "graph", "model")),
)
CODE = ("tests/host/build-code.sh", "python/pyproject.toml", "python/src/**/*", "docs/**/*")

#: How many old ones of each are kept, for other branches.
KEPT = 2


# What boot.sh, network.py and overlay() ask of the kernel.
_TRIAL = """
mkdir lower upper work merged groups
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
mount -t proc proc merged
mount -t cgroup2 cgroup2 groups
ip link add switch type bridge
ip link add one type veth peer name other
"""


def cache_directory() -> Path:
    """Return where roots are kept (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "ai-stack" / "host"


def missing() -> str | None:
    """Return why machines cannot be made here; None when they can."""
    if os.geteuid() != 0:
        return "it needs root, for namespaces and mounts"
    programs = ["unshare", "nsenter", "setpriv", "ip", "mount"]
    if not (cache_directory() / f"base-{_digest(BASE)}").is_dir():
        programs.append("mmdebstrap")
    absent = [program for program in programs if shutil.which(program) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    if not Path("/sys/fs/cgroup").is_mount():
        return "no control groups at /sys/fs/cgroup"
    return _missing_of_the_kernel()


def _missing_of_the_kernel() -> str | None:
    cache_directory().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_directory()) as place:
        tried = subprocess.run(
            ["unshare", "--mount", "--uts", "--ipc", "--net", "--cgroup", "--pid", "--fork", "sh", "-ec", _TRIAL],
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
        )
    return f"the kernel or its guard refuses: {tried.stderr.strip()}" if tried.returncode else None


def layers() -> list[Path]:
    """Return the directories to lay over each other, the uppermost first; they are made when they are missing.

    Raises:
        subprocess.CalledProcessError: a step failed; its output is on standard error.
    """
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    base = cache / f"base-{_digest(BASE)}"
    with _exclusive(cache / "lock"):
        if not base.is_dir():
            _say("making the Debian root (once)")
            new = _fresh(cache / "base.new")
            _run(HERE / "build-base.sh", new, REPOSITORY, *_paths_of_pip())
            new.rename(base)
        model = _laid_over(base, "model", MODEL)
        code = _laid_over(base, "code", CODE)
        for kept in (base, model, code):
            os.utime(kept)
            _prune(kept)
    return [code, model, base]


def _laid_over(base: Path, kind: str, sources: tuple[str, ...]) -> Path:
    layer = base.parent / f"{kind}-{_digest(BASE + sources)}"
    if not layer.is_dir():
        _say(f"laying the {kind} over the root")
        new = _fresh(base.parent / f"{kind}.new")
        with mounted(new, [base]) as merged:
            _run(HERE / "build-code.sh", merged, REPOSITORY, kind)
        (new / "upper").rename(layer)
        shutil.rmtree(new)
    return layer


@contextlib.contextmanager
def mounted(directory: Path, lower: list[Path]) -> Iterator[Path]:
    """Mount an overlay over the layers; what is written goes to `directory`/upper."""
    merged = overlay(directory, lower)
    try:
        yield merged
    finally:
        subprocess.run(["umount", "--recursive", merged], check=True)


def overlay(directory: Path, lower: list[Path]) -> Path:
    """Mount an overlay over the layers below `directory` and return where."""
    for name in ("upper", "work", "merged"):
        (directory / name).mkdir()
    options = f"lowerdir={':'.join(map(str, lower))},upperdir={directory}/upper,workdir={directory}/work"
    merged = directory / "merged"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged], check=True)
    return merged


def _digest(patterns: tuple[str, ...]) -> str:
    digest = hashlib.sha256(str(sys.platform).encode())
    for pattern in patterns:
        for path in sorted(REPOSITORY.glob(pattern)):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(f"{path.relative_to(REPOSITORY)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _fresh(directory: Path) -> Path:
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir()
    return directory


def _prune(newest: Path) -> None:
    prefix = newest.name.split("-")[0]
    alike = sorted(newest.parent.glob(f"{prefix}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in alike[KEPT:]:
        if str(old) not in Path("/proc/mounts").read_text():
            shutil.rmtree(old)


def _paths_of_pip() -> list[Path]:
    """Return files and directories that pip's configuration on this machine names, which pip in the root needs too."""
    shown = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    candidates = re.findall(r"/[^\s'\"]+", re.sub(r"file://", "", shown.stdout))
    candidates += [
        os.environ.get("SSL_CERT_FILE", ""),
        "/etc/pip.conf",
        "/etc/xdg/pip",
        str(Path.home() / ".config/pip"),
    ]
    # An index on disk names its files beside itself (Simple repository API: relative URLs).
    candidates = [one.rstrip("/").removesuffix("/simple") for one in candidates]
    found = sorted({Path(one) for one in candidates if one and Path(one).exists() and one.count("/") > 1})
    return [path for path in found if not any(other in path.parents for other in found)]


def _run(*arguments: object) -> None:
    subprocess.run([str(argument) for argument in arguments], check=True, stdout=sys.stderr)


def _say(text: str) -> None:
    sys.stderr.write(f"host: {text}\n")


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    # for scripts/test: why not, if anything
    sys.stdout.write(missing() or "")
