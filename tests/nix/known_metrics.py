"""The names of all metrics that something in the stack really exposes."""

import ast
import runpy
from pathlib import Path
from typing import Any

from nix.evaluate import MODULES, REPOSITORY

EXPORTERS = Path(__file__).parent / "alerts" / "metrics"
#: Programs that write files for node_exporter's textfile collector.
TEXTFILES = ("tls.sh", "backup.sh")


def of_exporter(name: str) -> set[str]:
    """Return the names in a checked-in list; its first line says where it comes from."""
    source, *names = (EXPORTERS / f"{name}.txt").read_text("utf-8").splitlines()
    assert source.startswith("# ")
    return set(names)


def of_services(directory: Path) -> dict[str, set[str]]:
    """Build every service and return what it renders or declares, by service.

    Args:
        directory: stands for a model and an index.
    """
    reference: dict[str, Any] = runpy.run_path(str(REPOSITORY / "scripts" / "reference"))
    found: dict[str, set[str]] = {}
    for payload in reference["payloads"](directory):
        names: set[str] = set()
        for line in payload.service.metrics.render()[0].decode().splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                names |= _series(name, kind)
        # those that a resource makes when the service starts
        for path in payload.sources.rglob("*.py"):
            names |= _declared(path)
        found[payload.name] = names
    return found


def _declared(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            match node.func.attr, node.args:
                case ("counter" | "gauge" | "histogram") as kind, [ast.Constant(str() as name), *_]:
                    names |= _series(name, kind)
    return names


def _series(name: str, kind: str) -> set[str]:
    return {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}


def of_scripts() -> set[str]:
    """Return the words of the programs that write metrics; `${kind}` in them stands for a kind of backup."""
    words: set[str] = set()
    for script in TEXTFILES:
        text = (MODULES / "scripts" / script).read_text("utf-8")
        words |= {word.strip("'\"") for word in text.replace("${kind}_", "ai_stack_backup_").split()}
    return words


def of_collector() -> set[str]:
    """Return what the collector writes."""
    module = ast.parse((REPOSITORY / "python/src/ai_stack/collector/textfile.py").read_text("utf-8"))
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return {str(ast.literal_eval(call.args[0])) for call in calls if ast.unparse(call.func) == "_gauge"}


def everything(directory: Path) -> set[str]:
    """Return the names of all metrics."""
    names = {"up"} | of_scripts() | of_collector()
    for exporter in EXPORTERS.glob("*.txt"):
        names |= of_exporter(exporter.stem)
    for service in of_services(directory).values():
        names |= service
    return names
