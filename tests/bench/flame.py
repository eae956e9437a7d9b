"""Where the milliseconds of one question go: its trace through all services, as a flame graph."""

import asyncio
import json
import os
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import aiohttp

from bench import command
from bench.plots import COLOURS, svg
from bench.results import Metric, Results
from bench.stack import running_stack
from load.payloads import Payloads, read_sentences
from load.target import from_state
from support.otlp import Received, http_receiver

ROOT_SPAN = "POST /augment_query"
WORKLOAD = "self time of a question's spans, one question at a time"
SELF = Metric("self time", "ms", "lower")
WIDTH = 1100
_ROW = 22
_TOP = 40
_PIXELS_PER_LETTER = 7


@dataclass(frozen=True, slots=True)
class Part:
    """One span. Times in milliseconds since the trace began."""

    id: bytes
    parent: bytes
    service: str
    name: str
    start: float
    end: float


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark."""
    parser = command.parser("flame", __doc__, rounds=30)
    command.corpus_option(parser)
    given = parser.parse_args(arguments)
    results = Results("flame", settings={"questions": given.rounds})
    with tempfile.TemporaryDirectory() as directory:
        traces = asyncio.run(_traces(Path(directory) / "state", given.corpus, given.rounds))
    for trace in traces:
        for name, milliseconds in self_times(trace).items():
            results.add(WORKLOAD, name, SELF, milliseconds)
    typical = sorted(traces, key=_duration)[len(traces) // 2]
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "flame.svg").write_text(flame_graph(typical))
    results.note("![the trace of a question that took the median time](flame.svg)")
    results.note(
        "Time runs from left to right; what a span waits for lies below it. Self time is a span's own, without the "
        "spans below it; parts that run at the same time are each counted in full."
    )
    return command.finish(results, "Where the time of a question goes", (SELF,), given)


async def _traces(state: Path, corpus: Path, questions: int) -> list[list[Part]]:
    payloads = Payloads(read_sentences(corpus), repeats=0, seed=1)
    with http_receiver() as received:
        os.environ |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": received.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_SAMPLE_RATE": "1",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        async with running_stack(state, corpus), aiohttp.ClientSession() as session:
            target = from_state(state)
            url = f"{target.urls['hybrid-coordinator']}/augment_query"
            for _ in range(questions + 1):
                body = json.dumps({"query": payloads.query(), "agent_type": "remote"})
                headers = {"X-API-Key": target.keys[0], "Content-Type": "application/json"}
                async with session.post(url, data=body, headers=headers, raise_for_status=True) as answer:
                    await answer.read()
        # The stack has ended, so every span has been sent. The first question was for warming up.
        return parts_of(received)[1:]


def parts_of(received: Received) -> list[list[Part]]:
    """Return the spans of each question's trace, the earliest question first."""
    traces = defaultdict(list)
    for service, span in received.spans:
        traces[span.trace_id].append((service, span))
    asked = []
    for spans in traces.values():
        root = next((span for _, span in spans if span.name == ROOT_SPAN and not span.parent_span_id), None)
        if root is None:
            continue
        begun = root.start_time_unix_nano
        made = [
            Part(
                span.span_id,
                span.parent_span_id,
                service,
                span.name,
                (span.start_time_unix_nano - begun) / 1e6,
                (span.end_time_unix_nano - begun) / 1e6,
            )
            for service, span in spans
            # What goes on after the answer, such as storing the interaction, is not part of it.
            if span.start_time_unix_nano < root.end_time_unix_nano
        ]
        asked.append((begun, sorted(made, key=lambda part: (part.start, -part.end))))
    return [made for _, made in sorted(asked, key=lambda each: each[0])]


def self_times(trace: Sequence[Part]) -> dict[str, float]:
    """Return the time of each kind of span during which none of its children ran, in milliseconds."""
    found: dict[str, float] = defaultdict(float)
    for part in trace:
        covered, reached = 0.0, part.start
        for child in (each for each in trace if each.parent == part.id):
            start, end = max(child.start, reached), min(child.end, part.end)
            if end > start:
                covered += end - start
                reached = end
        found[f"{part.service}: {part.name}"] += part.end - part.start - covered
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def rows(trace: Sequence[Part]) -> dict[bytes, int]:
    """Return the row of each span: below its parent, and on no span that runs at the same time."""
    placed: dict[bytes, int] = {}
    taken: dict[int, float] = {}
    for part in trace:
        row = placed.get(part.parent, -1) + 1
        while taken.get(row, float("-inf")) > part.start:
            row += 1
        placed[part.id] = row
        taken[row] = part.end
    return placed


def flame_graph(trace: Sequence[Part]) -> str:
    """Return the picture of a trace."""
    placed, total = rows(trace), _duration(trace)
    services = sorted({part.service for part in trace})
    shapes = []
    for part in trace:
        left = part.start / total * WIDTH
        width = max((min(part.end, total) - part.start) / total * WIDTH, 1.0)
        top = _TOP + placed[part.id] * _ROW
        label = f"{part.service}: {part.name} ({part.end - part.start:.1f} ms)"
        shown = label[: int(width / _PIXELS_PER_LETTER)]
        colour = COLOURS[services.index(part.service) % len(COLOURS)]
        shapes.append(
            f'<g><title>{escape(label)}</title><rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_ROW - 2}" '
            f'fill="{colour}" fill-opacity="0.6"/><text x="{left + 3:.1f}" y="{top + 15}">{escape(shown)}</text></g>'
        )
    height = _TOP + (max(placed.values()) + 1) * _ROW + 10
    return svg(WIDTH, height, f"One question, {total:.1f} ms", shapes)


def _duration(trace: Sequence[Part]) -> float:
    return statistics.fmean([part.end for part in trace if not part.parent])
