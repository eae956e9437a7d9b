"""The processes that the command line starts find the package where the command line has it from."""

import subprocess
import sys
from pathlib import Path

# As programs of nixpkgs begin: the interpreter knows no packages, the script names them.
WRAPPER = """
import sys, site
for directory in {directories!r}:
    site.addsitedir(directory)
sys.argv[1:] = {arguments!r}
from ai_stack.cli.main import main
main()
"""


def test_a_program_that_names_its_packages_itself_can_start_them(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    script = WRAPPER.format(
        directories=[entry for entry in sys.path if entry.endswith("site-packages")],
        arguments=["model", "info", str(absent)],
    )

    # Neither the virtual environment nor PYTHONPATH: the interpreter below it.
    interpreter = Path(sys.executable).resolve()
    done = subprocess.run(
        [interpreter, "-S", "-c", script], env={}, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "No module named" not in done.stderr
    assert str(absent) in done.stderr
