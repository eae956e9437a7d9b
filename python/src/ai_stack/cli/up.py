"""`ai-stack up`: run the stack in the foreground, fill it, ask it, and stop it when asked to."""

import asyncio
import shlex
import signal
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from ai_stack.cli import render
from ai_stack.cli.client import StackClient, connected
from ai_stack.cli.corpus import find_documents
from ai_stack.cli.ingest import Report, ingest
from ai_stack.cli.progress import StartProgress, ingest_progress
from ai_stack.local.blueprint import build
from ai_stack.local.record import StackRecord
from ai_stack.local.stack import running

INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended
PROJECT = "default"


@dataclass(frozen=True)
class UpOptions:
    """What `up` was asked for.

    Attributes:
        state: state directory.
        corpus: directory of documents.
        question: asked when everything is stored; None asks nothing.
        once: stop after the answer.
        nixos_options: options.json for nixos-docs; None for that of the stack's own modules.
    """

    state: Path
    corpus: Path
    question: str | None
    once: bool
    nixos_options: Path | None = None


async def up(options: UpOptions) -> int:
    """Run the stack until a signal says to stop; a second signal uses force.

    Returns:
        The exit status.

    Raises:
        LocalError: the stack could not be started, filled or asked; nothing is left running.
    """
    hurry = asyncio.Event()
    work = asyncio.create_task(_serve(options, hurry))

    def stop() -> None:
        if work.cancelling():
            hurry.set()
        else:
            render.errors().print("Stopping …")
            work.cancel()

    loop = asyncio.get_running_loop()
    stopping = [signal.SIGINT, signal.SIGTERM]
    # nohup(1) ignores SIGHUP on purpose.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        stopping.append(signal.SIGHUP)
    for number in stopping:
        loop.add_signal_handler(number, stop)
    try:
        await work
    except asyncio.CancelledError:
        return INTERRUPTED if options.once else 0
    return 0


async def _serve(options: UpOptions, hurry: asyncio.Event) -> None:
    console = render.out()
    await asyncio.to_thread(find_documents, options.corpus)
    began = time.monotonic()
    console.print(f"Starting the stack in {options.state}", markup=False)
    blueprint = partial(build, documents=options.corpus, options=options.nixos_options)
    async with running(options.state, blueprint, StartProgress(console), hurry) as stack:
        console.print(f"All services are ready after {time.monotonic() - began:.1f} s.", style="bold green")
        async with connected(options.state) as client:
            await fill(client, console, options.corpus)
            if options.question is not None:
                await ask(client, console, options.question)
        if options.once:
            return
        show_addresses(console, stack.record)
        console.print(render.EMBEDDED_NOTE, markup=False)
        console.print("Running. Ctrl-C stops everything.", style="bold")
        await stack.supervisor.wait()


async def fill(
    client: StackClient, console: Console, corpus: Path, project: str = PROJECT, *, delete_missing: bool = False
) -> Report:
    """Store a directory of documents and show what came of it.

    Raises:
        LocalError: a service does not take them.
    """
    console.print(f"\nStoring the documents in {corpus}", markup=False)
    with ingest_progress(console) as progress:
        report = await ingest(client, corpus, project, progress, delete_missing=delete_missing)
    render.show_report(console, report)
    return report


async def ask(client: StackClient, console: Console, question: str) -> None:
    """Ask for the augmented prompt of a question and show it.

    Raises:
        LocalError: hybrid-coordinator does not answer.
    """
    console.print(f"\nQuestion: {question}", markup=False, style="bold")
    render.show_answer(console, await augment(client, question))


async def augment(client: StackClient, question: str, max_tokens: int = 2000) -> dict[str, object]:
    """The answer of hybrid-coordinator to a question; `max_tokens` bounds the prompt.

    Raises:
        LocalError: hybrid-coordinator does not answer.
    """
    body = {"query": question, "agent_type": "remote", "max_tokens": max_tokens}
    answer: dict[str, object] = await client.call("hybrid-coordinator", "POST", "/augment_query", body)
    return answer


def show_addresses(console: Console, record: StackRecord) -> None:
    """Where the services are and where the key lies."""
    console.print("\nServices", style="bold")
    for name, url in record.services.items():
        console.print(f"  {name:<20} {url}", markup=False)
    key_file = shlex.quote(str(record.api_key_file))
    console.print(f"API key  {record.api_key_file}  (send it as X-API-Key)", markup=False)
    # By way of standard input: every user can read what is in a command line.
    header = f'printf \'header = "X-API-Key: %s"\\n\' "$(cat {key_file})"'
    console.print(f"Try      {header} | curl --config - {record.services['aidb']}/stats", markup=False)
