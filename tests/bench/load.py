"""Sends a workload to a server and measures."""

import asyncio
import statistics
import time
from dataclasses import dataclass

import aiohttp

from bench.processes import cpu_seconds, resident_bytes
from bench.servers import Running
from bench.workloads import Workload


@dataclass(frozen=True, slots=True)
class Sample:
    """One workload at one server in one round."""

    requests: int
    failures: int
    seconds: float
    server_cpu_seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    resident_bytes: int

    @property
    def requests_per_second(self) -> float:
        """Answered requests."""
        return (self.requests - self.failures) / self.seconds

    @property
    def requests_per_cpu_second(self) -> float:
        """Answered requests per second of the server's CPU time."""
        return (self.requests - self.failures) / max(self.server_cpu_seconds, 0.01)


async def measure(
    target: Running, workload: Workload, session: aiohttp.ClientSession, *, seconds: float, seed: int
) -> Sample:
    """Keep `workload.clients` requests open for `seconds`, and wait for the last answers."""
    requests = workload.requests(seed)
    latencies: list[float] = []
    failures = 0
    server = target.server
    cpu = cpu_seconds(target.pid)
    begun = time.perf_counter()

    async def client() -> None:
        nonlocal failures
        while time.perf_counter() - begun < seconds:
            texts = next(requests)
            sent = time.perf_counter()
            try:
                async with session.post(server.url, json=server.body(texts)) as response:
                    await response.read()
                    failures += response.status != 200
            except (aiohttp.ClientError, TimeoutError):
                failures += 1
            latencies.append(time.perf_counter() - sent)

    await asyncio.gather(*(client() for _ in range(workload.clients)))
    elapsed = time.perf_counter() - begun
    percentiles = statistics.quantiles(latencies, n=100, method="inclusive") if len(latencies) > 1 else latencies * 99
    return Sample(
        requests=len(latencies),
        failures=failures,
        seconds=elapsed,
        server_cpu_seconds=cpu_seconds(target.pid) - cpu,
        p50_ms=percentiles[49] * 1000,
        p95_ms=percentiles[94] * 1000,
        p99_ms=percentiles[98] * 1000,
        resident_bytes=resident_bytes(target.pid),
    )
