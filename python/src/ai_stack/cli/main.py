"""The `ai-stack` command: run the embedded stack, fill it, ask it."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import orjson
import typer

from ai_stack.cli import keys, migrate, model, nixos_docs, render
from ai_stack.cli import up as foreground
from ai_stack.cli.backup import backup, restore
from ai_stack.cli.client import StackClient, connected
from ai_stack.cli.doctor import doctor
from ai_stack.cli.mcp import mcp
from ai_stack.cli.options import JsonOption, StateOption, print_json
from ai_stack.cli.status import stack_status
from ai_stack.local import logfile, stack
from ai_stack.local.errors import LocalError

NOT_RUNNING = 3  # status of a service that is not running: LSB, "Init Script Actions"

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Run the embedded AI knowledge stack on this machine, fill it and ask it.",
)
app.add_typer(keys.commands, name="keys")
app.add_typer(model.commands, name="model")
app.add_typer(migrate.commands, name="migrate")
app.add_typer(nixos_docs.commands, name="nixos-docs")
app.command()(mcp)
app.command()(doctor)
app.command()(backup)
app.command()(restore)


@app.command()
def up(
    corpus: Annotated[Path, typer.Option(help="Directory of documents to store and index.")],
    state: StateOption,
    question: Annotated[str | None, typer.Option(help="Asked when everything is stored.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Stop after the answer.")] = False,
    options: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            readable=True,
            resolve_path=True,
            help="The options.json that nixos-docs answers from, instead of the options of the stack's own modules.",
        ),
    ] = None,
) -> None:
    """Start everything and stay in the foreground; Ctrl-C stops everything."""
    asked = foreground.UpOptions(state, corpus.absolute(), question, once, options)
    raise typer.Exit(asyncio.run(foreground.up(asked)))


@app.command()
def down(state: StateOption, json: JsonOption = False) -> None:
    """Stop everything that `up` started."""
    stopped = stack.down(state)
    if json:
        print_json({"stopped": stopped})
        return
    typer.echo("stopped" if stopped else "not running")


@app.command()
def status(state: StateOption, json: JsonOption = False) -> None:
    """Show what runs, and whether it can serve. Exit status 0: all is well; 3: not running; 1: something is wrong."""
    found = asyncio.run(stack_status(state))
    if json:
        print_json(found.as_dict())
    else:
        console = render.out()
        console.print(f"{found.state}{f' (pid {found.supervisor})' if found.supervisor else ''}  {state}", markup=False)
        if found.children:
            table = render.table("name", "state", "can serve", "pid", "restarts", "url")
            for child in found.children:
                serves = "-" if child.ready is None else "yes" if child.ready else "no"
                cells = (child.name, child.state, serves, child.pid or "-", child.restarts, child.url or "-")
                table.add_row(*map(str, cells))
            console.print(table)
            console.print(f"API key  {found.api_key_file}", markup=False)
    raise typer.Exit(0 if found.healthy else NOT_RUNNING if found.state == "stopped" else 1)


@app.command()
def logs(
    state: StateOption,
    name: Annotated[str | None, typer.Argument(help="Of one service or store; all when left out.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines to begin with.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Show the last lines of the logs."""
    known = sorted((state / "log").glob("*.log"))
    chosen = [path for path in known if name in (None, path.stem)]
    if not chosen:
        names = ", ".join(path.stem for path in known) or "none yet"
        raise LocalError(f"no log {name or ''} in {state / 'log'}: there are {names}")

    def show(path: Path, line: str) -> None:
        if json:
            typer.echo(orjson.dumps({"name": path.stem, "line": line}))
        else:
            typer.echo(line if name else f"{path.stem}: {line}")

    for path in chosen:
        for line in logfile.last_lines(path, lines):
            show(path, line)
    if follow:
        for path, line in logfile.follow(chosen):
            show(path, line)


@app.command()
def ingest(
    directory: Annotated[Path, typer.Argument(help="Directory of documents.")],
    state: StateOption,
    project: Annotated[str, typer.Option(help="Project that the documents belong to.")] = foreground.PROJECT,
    delete_missing: Annotated[
        bool, typer.Option("--delete-missing", help="Delete documents of the project that are not in the directory.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Store a directory of documents in aidb. When it is interrupted, the same command goes on."""
    # Whoever reads JSON gets nothing else on standard output.
    console = render.errors() if json else render.out()
    try:
        report = with_client(
            state,
            lambda client: foreground.fill(
                client, console, directory.absolute(), project, delete_missing=delete_missing
            ),
        )
    except KeyboardInterrupt:
        render.errors().print("interrupted; what is stored stays: the same command goes on", markup=False)
        raise
    if json:
        print_json(report.as_dict())


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="What to look for.")],
    state: StateOption,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 5,
    project: Annotated[str | None, typer.Option(help="Only documents of this project.")] = None,
    path_prefix: Annotated[str | None, typer.Option(help="Only documents whose path begins like this.")] = None,
    json: JsonOption = False,
) -> None:
    """Search the stored documents by keywords and meaning."""
    filters = {"project": project, "path_prefix": path_prefix}
    body = {"query": text, "limit": limit, **{name: value for name, value in filters.items() if value is not None}}
    found: dict[str, Any] = with_client(state, lambda client: client.call("aidb", "POST", "/search", body))
    if json:
        print_json(found)
        return
    for word, instead in found.get("corrections", {}).items():
        render.errors().print(f"no document has {word}: looked for {instead}", markup=False, style="yellow")
    render.show_hits(render.out(), found["results"])


@app.command()
def ask(
    text: Annotated[str, typer.Argument(help="The question.")],
    state: StateOption,
    max_tokens: Annotated[int, typer.Option(min=64, max=32_000, help="Bound of the prompt.")] = 2000,
    json: JsonOption = False,
) -> None:
    """Turn a question into a prompt with what the stack knows about it."""
    answer = with_client(state, lambda client: foreground.augment(client, text, max_tokens))
    if json:
        print_json(answer)
        return
    render.show_answer(render.out(), answer)


def with_client(state: Path, work: Callable[[StackClient], Awaitable[T]]) -> T:
    """Run `work` with a client of the stack in `state`.

    Raises:
        LocalError: there is none, or `work` failed.
    """

    async def run() -> T:
        async with connected(state) as client:
            return await work(client)

    return asyncio.run(run())


def main() -> None:
    """Run the command; what the user can act on is one line on standard error."""
    try:
        app()
    except LocalError as error:
        render.errors().print(f"ai-stack: {error}", markup=False, style="red")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(foreground.INTERRUPTED)
