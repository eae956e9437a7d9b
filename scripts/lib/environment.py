"""Lets a script of this clone run with the clone's packages, whichever Python it was started with.

`environment.sh` makes the environment; this finds it. Read by older Pythons too, which would stop at the script's own
imports: only what every Python 3 has.
"""

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = ROOT / ".venv"
#: Of the tests' packages, which are all that a script needs; `scripts/quickstart` installs fewer.
NEEDED = ("ai_stack", "pytest")


def enter(environment: Path = ENVIRONMENT) -> None:
    """Stay in a Python that has the packages; otherwise go on in the clone's own, with the same arguments.

    Does not return when the script has to be started again.

    Raises:
        SystemExit: there is no environment with them; the message says how to make one.
    """
    if all(importlib.util.find_spec(name) for name in NEEDED):
        return
    python = environment / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != environment.resolve():
        os.execv(python, [str(python), *sys.argv])  # noqa: S606 -- the script itself, with its own arguments
    name = Path(sys.argv[0]).name
    sys.exit(f"{name}: the packages of the tests are not installed: `scripts/test --layer lint` does that once")
