"""`ai-stack nixos-docs`: build an index, search options and documentation, check snippets."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from ai_stack.cli import render
from ai_stack.cli.client import connected
from ai_stack.cli.modules import command_of, environment
from ai_stack.cli.options import JsonOption, StateOption, print_json
from ai_stack.local.errors import LocalError

SERVICE = "nixos-docs"
SHOWN_CHARACTERS = 200
FINE = ("exists", "freeform")

LimitOption = Annotated[int, typer.Option(min=1, max=100, help="Most results.")]

commands = typer.Typer(no_args_is_help=True, help="Answers about NixOS: its options and its documentation.")


@commands.command(
    "build-index",
    # The service's own command does the work and knows its arguments, --help among them.
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def build_index(context: typer.Context) -> None:
    """Build an index of options.json, packages.json and directories of documentation; --help lists the arguments."""
    command = command_of("ai_stack.nixos_docs.build", *context.args)
    raise typer.Exit(subprocess.run(command, env=environment(), check=False).returncode)  # noqa: S603 - our own module


@commands.command()
def search(
    text: Annotated[str, typer.Argument(help="A question, key words or an error message.")],
    state: StateOption,
    limit: LimitOption = 5,
    json: JsonOption = False,
) -> None:
    """Search the documentation."""
    found = _post(state, "/search", {"query": text, "limit": limit})
    if json:
        print_json(found)
        return
    console = render.out()
    for number, hit in enumerate(found["results"], 1):
        console.print(Text(f"{number}. {hit['path']}  ({hit['heading'] or hit['title']})", style="bold"))
        console.print(Text(f"   {_short(hit['content'])}"))
    _end(found, bool(found["results"]))


@commands.command()
def options(
    text: Annotated[str, typer.Argument(help="A name, a part of one, key words or a question.")],
    state: StateOption,
    limit: LimitOption = 5,
    json: JsonOption = False,
) -> None:
    """Search the options of NixOS."""
    found = _post(state, "/options/search", {"query": text, "limit": limit})
    if json:
        print_json(found)
        return
    console = render.out()
    for option in found["options"]:
        default = "" if option["default"] is None else f", default {_short(option['default'])}"
        console.print(Text(option["name"], style="bold"), Text(f"({option['type']}{default})"))
        console.print(Text(f"   {_short(option['description'])}"))
    _end(found, bool(found["options"]))


@commands.command()
def check(
    state: StateOption,
    file: Annotated[Path | None, typer.Argument(help="A Nix file; - reads standard input.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="Name of an option, instead of a file.")] = None,
    json: JsonOption = False,
) -> None:
    """Say whether the options exist that a file sets. Exit status 1: one was renamed or removed, or never existed."""
    if (file is None) == (not option):
        raise LocalError("give either a file or --option NAME")
    body = {"options": option} if file is None else {"snippet": _read(file)}
    found = _post(state, "/options/check", body)
    if json:
        print_json(found)
    else:
        _show_checked(found, file)
    raise typer.Exit(0 if found["ok"] else 1)


def _show_checked(found: dict[str, Any], file: Path | None) -> None:
    console = render.out()
    for result in found["results"]:
        if result["status"] in FINE:
            continue
        where = f"{file}:{result['line']}: " if file is not None else ""
        told = f"now {result['replacement']}" if result["replacement"] else result["message"]
        if not told and result["nearest"]:
            told = f"nearest: {', '.join(result['nearest'])}"
        console.print(f"{where}{result['path']}: {result['status']}{f' ({told})' if told else ''}", markup=False)
    wrong = sum(result["status"] not in FINE for result in found["results"])
    release = f"NixOS {found['release']}" if found["release"] else "the options in the index"
    console.print(f"{found['checked']} options checked against {release}: {wrong} wrong", markup=False)
    if found["truncated"]:
        console.print("there are more than are checked at a time", style="yellow")


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"{file} cannot be read: {error}") from error


def _post(state: Path, path: str, body: dict[str, Any]) -> dict[str, Any]:
    async def call() -> dict[str, Any]:
        async with connected(state) as client:
            answer: dict[str, Any] = await client.call(SERVICE, "POST", path, body)
            return answer

    return asyncio.run(call())


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= SHOWN_CHARACTERS else f"{words[:SHOWN_CHARACTERS]}…"


def _end(found: dict[str, Any], any_hit: bool) -> None:
    console = render.out()
    if not any_hit:
        console.print("nothing found")
    for word, taken in found["corrections"].items():
        console.print(f"{word} was taken for {taken}", markup=False, style="yellow")
    if found["degraded"]:
        console.print("Degraded: searched by words alone", style="yellow")
