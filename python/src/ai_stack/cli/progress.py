"""Progress for people: bars on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ai_stack.cli.ingest import Report
from ai_stack.local.supervisor import Status

LINE_SECONDS = 5.0


class StartProgress:
    """Says when a child gets ready or has to be started again.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._seen: dict[str, tuple[str, int]] = {}

    def __call__(self, status: Mapping[str, Status]) -> None:
        """Compare with what was seen before, and say what is new."""
        for name, child in status.items():
            now = (child.state, child.restarts)
            if self._seen.get(name) == now:
                continue
            self._seen[name] = now
            if child.state == "ready":
                again = f", restart {child.restarts}" if child.restarts else ""
                seconds = time.monotonic() - self._began
                self._console.print(f"  {name:<20} ready   {'' if again else f'{seconds:.1f} s'}{again.lstrip(', ')}")
            elif child.state == "restarting":
                self._console.print(f"  {name:<20} ended with {child.last_exit}; starting again", style="yellow")


class IngestProgress:
    """A bar for documents and one for vectors, or lines."""

    def __init__(self, console: Console, progress: Progress | None) -> None:
        self._console = console
        self._progress = progress
        self._documents: TaskID | None = None
        self._vectors: TaskID | None = None
        self._line_due = time.monotonic() + LINE_SECONDS

    def __call__(self, report: Report) -> None:
        """Show the state of an ingestion."""
        embedded = max(report.new_chunks - report.pending, 0)
        if self._progress is not None:
            if self._documents is None:
                self._documents = self._progress.add_task("documents", total=report.found)
                self._vectors = self._progress.add_task("vectors", total=None)
            self._progress.update(self._documents, completed=report.done, total=report.found)
            if self._vectors is not None:
                self._progress.update(self._vectors, completed=embedded, total=report.new_chunks)
        elif time.monotonic() >= self._line_due:
            self._line_due = time.monotonic() + LINE_SECONDS
            self._console.print(
                f"  {report.done} of {report.found} documents, {report.pending} chunks wait for their vectors"
            )


@contextmanager
def ingest_progress(console: Console) -> Iterator[IngestProgress]:
    """Progress of an ingestion for the duration of the block."""
    if not console.is_terminal:
        yield IngestProgress(console, None)
        return
    columns = (TextColumn("  {task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield IngestProgress(console, progress)
