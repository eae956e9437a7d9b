"""What the command line prints: for a terminal with colour, for a pipe as plain lines that are never wrapped."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ai_stack.cli.ingest import Report

SHOWN_SKIPPED = 5

EMBEDDED_NOTE = """\
Embedded mode, for trying out and development. What differs from a deployment with the NixOS modules:
  - one machine, plain HTTP on the loopback interface: no TLS gateway, no firewall, no sandbox per service
  - Qdrant runs inside hybrid-coordinator (client library), not as a server
  - no Prometheus, Grafana or trace store; services still serve /metrics and export OTLP when OTEL_* says so
  - no backups by themselves: `ai-stack backup` makes one while the stack is down"""


def out() -> Console:
    """The console for results."""
    return Console(highlight=False, soft_wrap=True)


def errors() -> Console:
    """The console for errors and progress."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def show_report(console: Console, report: Report) -> None:
    """What an ingestion has done, and how fast."""
    outcomes = ", ".join(f"{report.outcomes[name]} {name}" for name in ("created", "updated", "unchanged"))
    console.print(f"{report.stored} documents stored ({outcomes}), {report.chunks} chunks", markup=False)
    if report.deleted:
        console.print(f"{report.deleted} documents deleted that are in the directory no more")
    if report.practices:
        console.print(f"{report.practices} best practices stored")
    seconds = max(report.seconds, 0.001)
    console.print(
        f"took {report.seconds:.1f} s: {report.stored / seconds:.1f} documents/s, "
        f"{report.chunks / seconds:.1f} chunks/s ({report.new_chunks} chunks embedded)"
    )
    for item in report.skipped[:SHOWN_SKIPPED]:
        console.print(f"skipped {item.path}: {item.reason}", markup=False, style="yellow")
    if len(report.skipped) > SHOWN_SKIPPED:
        console.print(f"skipped {len(report.skipped) - SHOWN_SKIPPED} more files", style="yellow")


def show_answer(console: Console, answer: Mapping[str, Any]) -> None:
    """An augmented prompt with its sources, scores and timings."""
    console.rule("augmented prompt", characters="-")
    console.print(Text(answer["augmented_prompt"]))
    console.rule("end of prompt", characters="-")
    console.print("Sources", style="bold")
    for source in answer["sources"]:
        similarity = "" if source["similarity"] is None else f"  similarity {source['similarity']:.2f}"
        where = source["path"] or source["title"] or source["id"]
        heading = f"  ({source['heading']})" if source["heading"] else ""
        line = f"  [{source['number']}] score {source['score']:.4f}{similarity}  {source['service']}: {where}{heading}"
        console.print(Text(line))
    if not answer["sources"]:
        console.print("  none")
    timings = ", ".join(f"{name.removesuffix('_ms')} {value:.0f} ms" for name, value in answer["timings"].items())
    console.print(f"Timings  {timings}", markup=False)
    if answer["degraded"]:
        missing = ", ".join(answer["degraded_services"])
        console.print(f"Degraded: answered without {missing}", style="yellow", markup=False)


def show_hits(console: Console, hits: Sequence[Mapping[str, Any]]) -> None:
    """Results of a search, best first."""
    for number, hit in enumerate(hits, 1):
        console.print(Text(f"{number}. {hit['score']:.4f}  {hit['path']}  ({hit['heading']})", style="bold"))
        excerpt = " ".join(hit["content"].split())
        console.print(Text(f"   {excerpt[:300]}{'…' if len(excerpt) > 300 else ''}"))
    if not hits:
        console.print("nothing found")


def table(*columns: str) -> Table:
    """A table without lines, which reads well in a pipe too."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, no_wrap=True)
    return made
