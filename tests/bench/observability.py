"""What metrics, logs and traces cost: the embeddings service with all of them, against one with none."""

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import aiohttp
from aiohttp import web

from ai_stack.local.blueprint import model_directory
from bench import command
from bench.load import measure
from bench.results import P95, REQUESTS_PER_CPU_SECOND, REQUESTS_PER_SECOND, Results, rotated
from bench.servers import Running, Server, ours, running
from bench.workloads import SIXTEEN

ON = "observed"
OFF = "not observed"
MOST = 1.05
SCRAPE_SECONDS = 5.0
SAMPLE_RATE = 0.01


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark."""
    given = command.parser("observability", __doc__, rounds=9, seconds=6.0).parse_args(arguments)
    settings = {"rounds": given.rounds, "seconds": given.seconds}
    results = Results("observability", reference=ON, settings=settings)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_run(Path(directory), given.rounds, given.seconds, results))
    for metric in (REQUESTS_PER_CPU_SECOND, REQUESTS_PER_SECOND):
        cost = results.median(SIXTEEN.name, OFF, metric) / results.median(SIXTEEN.name, ON, metric)
        results.bar(f"{metric.name}, without observation over with it", cost, at_most=MOST)
    results.note(
        f"`{ON}`: metrics, read every {SCRAPE_SECONDS:g} s, JSON logs at the level INFO, traces of {SAMPLE_RATE:.0%} "
        f"of the requests, sent by OTLP. `{OFF}`: metrics do nothing, logs at the level WARNING, no traces."
    )
    return command.finish(results, "What observation costs", (REQUESTS_PER_CPU_SECOND, P95), given)


async def _run(directory: Path, rounds: int, seconds: float, results: Results) -> None:
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)))
        receiver = await stack.enter_async_context(_receiver())
        up = {}
        for name, server in ((ON, _observed(directory / "on", receiver)), (OFF, _unobserved(directory / "off"))):
            up[name] = await stack.enter_async_context(running(server, session, directory / f"{server.port}.log"))
        scraping = asyncio.create_task(_scrape(up[ON], session))
        stack.callback(scraping.cancel)
        for number in range(rounds):
            for name in rotated(list(up), number):
                sample = await measure(up[name], SIXTEEN, session, seconds=seconds, seed=number)
                results.add(SIXTEEN.name, name, REQUESTS_PER_CPU_SECOND, sample.requests_per_cpu_second)
                results.add(SIXTEEN.name, name, REQUESTS_PER_SECOND, sample.requests_per_second)
                results.add(SIXTEEN.name, name, P95, sample.p95_ms)


def _observed(directory: Path, receiver: str) -> Server:
    server = _with(directory, {"log_level": "INFO", "tracing": {"sample_rate": SAMPLE_RATE}})
    environment = (f"OTEL_EXPORTER_OTLP_ENDPOINT={receiver}", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")
    return replace(server, command=("env", *environment, *server.command))


def _unobserved(directory: Path) -> Server:
    server = _with(directory, {"log_level": "WARNING"})
    return replace(
        server, command=(sys.executable, str(Path(__file__).with_name("unobserved.py")), *server.command[3:])
    )


def _with(directory: Path, settings: dict[str, object]) -> Server:
    directory.mkdir()
    server = ours(model_directory(), directory, None)
    config = Path(server.command[-1])
    config.write_text(json.dumps({**json.loads(config.read_text()), **settings}))
    return server


async def _scrape(target: Running, session: aiohttp.ClientSession) -> None:
    while True:
        async with session.get(f"http://127.0.0.1:{target.server.port}/metrics") as answer:
            await answer.read()
        await asyncio.sleep(SCRAPE_SECONDS)


@contextlib.asynccontextmanager
async def _receiver() -> AsyncIterator[str]:
    """A receiver of traces that throws them away."""

    async def accept(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", accept)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
