"""Health of a service."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ai_stack.service.errors import DeadlineExceeded, NotFound, Unavailable
from ai_stack.service.health import Dependency, Health
from ai_stack.service.resilience import GuardRegistry, Policy
from support.logs import LogLines
from support.waiting import PATIENCE


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def make(clock: Clock | None = None) -> Health:
    clock = clock or Clock()
    return Health("aidb", "1.2.3", "ok", clock=clock, wall_clock=lambda: 0.0)


def started() -> Health:
    health = make()
    health.resources_up()
    return health


async def passes() -> None:
    pass


def fails(error: BaseException) -> Callable[[], Awaitable[None]]:
    async def check() -> None:
        raise error

    return check


class Gate:
    """A check that counts its calls and ends when told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.open = asyncio.Event()

    async def __call__(self) -> None:
        self.calls += 1
        await self.open.wait()


async def settled() -> None:
    """Let every task that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_turning_process_is_live_whatever_else_is_wrong() -> None:
    health = make()
    health.set_not_ready("the model is missing")
    health.drain()
    status, body = health.live()
    assert status == 200
    assert body == {
        "status": "healthy",
        "check_type": "liveness",
        "message": "the event loop is running",
        "details": {},
        "timestamp": "1970-01-01T00:00:00.000000Z",
        "duration_ms": 0.0,
    }


def test_startup_ends_when_the_resources_are_up() -> None:
    health = make()
    assert health.startup()[0] == 503
    assert health.startup()[1]["status"] == "unhealthy"
    health.resources_up()
    assert health.startup()[0] == 200
    assert health.startup()[1]["check_type"] == "startup"


@pytest.mark.parametrize("first", ["resources_up", "mark_ready"])
async def test_a_held_startup_also_waits_for_the_service_itself(first: str) -> None:
    health = make()
    health.hold_ready()
    second = "mark_ready" if first == "resources_up" else "resources_up"
    waiter = asyncio.create_task(health.wait_started())
    getattr(health, first)()
    await settled()
    assert (health.startup()[0], (await health.ready())[0], waiter.done()) == (503, 503, False)
    getattr(health, second)()
    await waiter
    assert (health.startup()[0], (await health.ready())[0]) == (200, 200)


async def test_a_held_startup_says_what_it_waits_for() -> None:
    health = make()
    health.hold_ready()
    health.set_not_ready("the model is loading")
    health.resources_up()
    for status, body in (health.startup(), await health.ready(), health.summary()):
        assert status == 503
        assert body["message"] == "the model is loading"


async def test_startup_stays_ended_when_the_service_is_not_ready_later() -> None:
    health = started()
    health.set_not_ready("the index is being rebuilt")
    assert health.startup()[0] == 200
    assert (await health.ready())[0] == 503
    health.mark_ready()
    assert (await health.ready())[0] == 200


async def test_a_draining_service_is_not_ready_and_asks_nobody() -> None:
    health = started()
    gate = Gate()
    health.add_dependency(Dependency(name="postgres", check=gate))
    health.drain()
    status, body = await health.ready()
    assert (status, body["status"], body["message"]) == (503, "unhealthy", "the service is shutting down")
    assert gate.calls == 0
    assert health.summary()[0] == 503
    assert health.summary()[1]["status"] == "draining"


async def test_a_drain_that_begins_during_a_probe_counts() -> None:
    health = started()
    gate = Gate()
    health.add_dependency(Dependency(name="postgres", check=gate))
    probe = asyncio.create_task(health.ready())
    await settled()
    health.drain()
    gate.open.set()
    assert (await probe)[0] == 503


async def test_a_service_whose_dependencies_pass_is_ready() -> None:
    health = started()
    health.add_dependency(Dependency(name="postgres", check=passes))
    health.add_dependency(Dependency(name="redis", check=passes, critical=False))
    status, body = await health.ready()
    assert status == 200
    assert body["status"] == "healthy"
    assert body["check_type"] == "readiness"
    assert body["details"] == {
        "postgres": {"status": "healthy", "critical": True, "duration_ms": 0.0},
        "redis": {"status": "healthy", "critical": False, "duration_ms": 0.0},
    }


async def test_a_failed_critical_dependency_is_named_in_a_503() -> None:
    health = started()
    health.add_dependency(Dependency(name="postgres", check=fails(ConnectionRefusedError("10.0.0.1:5432"))))
    health.add_dependency(Dependency(name="embeddings", check=fails(ValueError("secret"))))
    health.add_dependency(Dependency(name="redis", check=fails(OSError()), critical=False))
    status, body = await health.ready()
    assert status == 503
    assert body["status"] == "unhealthy"
    assert body["message"] == "critical dependencies failed: postgres, embeddings"
    assert body["details"]["postgres"] == {
        "status": "unhealthy", "critical": True, "duration_ms": 0.0, "error": "connection",
    }  # fmt: skip


async def test_a_failed_optional_dependency_only_degrades() -> None:
    health = started()
    health.add_dependency(Dependency(name="postgres", check=passes))
    health.add_dependency(Dependency(name="redis", check=fails(OSError()), critical=False))
    status, body = await health.ready()
    assert (status, body["status"]) == (200, "degraded")
    assert body["message"] == "optional dependencies failed: redis"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError("t"), "timeout"),
        (DeadlineExceeded("t"), "timeout"),
        (ConnectionResetError("t"), "connection"),
        (asyncio.CancelledError("t"), "connection"),
        (Unavailable("t"), "unavailable"),
        (NotFound("t"), "error"),
        (ValueError("t"), "error"),
    ],
)
async def test_the_reason_of_a_failure_is_a_class_and_not_its_text(error: BaseException, reason: str) -> None:
    health = started()
    health.add_dependency(Dependency(name="a", check=fails(error)))
    assert (await health.ready())[1]["details"]["a"]["error"] == reason


async def test_a_check_that_hangs_fails_after_its_own_timeout() -> None:
    health = started()
    slow = Gate()
    health.add_dependency(Dependency(name="slow", check=slow, timeout=0.01))
    health.add_dependency(Dependency(name="quick", check=passes, timeout=10))
    async with asyncio.timeout(PATIENCE):
        status, body = await health.ready()
    assert status == 503
    assert body["details"]["slow"]["error"] == "timeout"
    assert body["details"]["quick"]["status"] == "healthy"


async def test_checks_run_at_the_same_time() -> None:
    health = started()
    gates = [Gate(), Gate()]
    for number, gate in enumerate(gates):
        health.add_dependency(Dependency(name=f"d{number}", check=gate))
    probe = asyncio.create_task(health.ready())
    await settled()
    assert [gate.calls for gate in gates] == [1, 1]
    for gate in gates:
        gate.open.set()
    assert (await probe)[0] == 200


async def test_a_second_probe_waits_for_the_first() -> None:
    health = started()
    gate = Gate()
    health.add_dependency(Dependency(name="postgres", check=gate))
    probes = [asyncio.create_task(health.ready()) for _ in range(50)]
    await settled()
    assert gate.calls == 1
    gate.open.set()
    assert {answer[0] for answer in await asyncio.gather(*probes)} == {200}


async def test_a_later_probe_checks_anew() -> None:
    health = started()
    gate = Gate()
    gate.open.set()
    health.add_dependency(Dependency(name="postgres", check=gate))
    await health.ready()
    await health.ready()
    assert gate.calls == 2


async def test_the_prober_that_began_a_check_may_leave() -> None:
    health = started()
    gate = Gate()
    health.add_dependency(Dependency(name="postgres", check=gate))
    first = asyncio.create_task(health.ready())
    await settled()
    second = asyncio.create_task(health.ready())
    await settled()
    first.cancel()
    await settled()
    assert first.cancelled()
    gate.open.set()
    assert (await second)[0] == 200
    assert gate.calls == 1


async def test_only_changes_of_a_dependency_are_logged(log_lines: LogLines) -> None:
    health = started()
    errors: list[Exception | None] = [OSError("a"), OSError("b"), None, None, OSError("c")]

    async def check() -> None:
        if (error := errors.pop(0)) is not None:
            raise error

    health.add_dependency(Dependency(name="postgres", check=check))
    for _ in range(5):
        await health.ready()
    assert [line["event"] for line in log_lines.all() if line["logger"] != "asyncio"] == [
        "health.dependency_failed",
        "health.dependency_recovered",
        "health.dependency_failed",
    ]
    failed = log_lines.named("health.dependency_failed")[0]
    assert (failed["dependency"], failed["reason"]) == ("postgres", "connection")
    assert "OSError: a" in failed["exception"]


def test_a_name_belongs_to_one_dependency() -> None:
    health = make()
    health.add_dependency(Dependency(name="postgres", check=passes))
    with pytest.raises(ValueError, match="postgres"):
        health.add_dependency(Dependency(name="postgres", check=passes))


def test_the_summary_describes_the_service() -> None:
    clock = Clock()
    health = make(clock)
    guards = GuardRegistry()
    health.watch_guards(guards)
    guards.create("postgres", Policy())
    health.resources_up()
    clock.now += 12.5
    status, body = health.summary()
    assert status == 200
    assert body == {
        "status": "ok",
        "service": "aidb",
        "version": "1.2.3",
        "ready": True,
        "uptime_seconds": 12.5,
        "circuit_breakers": {"postgres": "closed"},
    }


def test_the_summary_of_a_starting_service_is_a_503() -> None:
    status, body = make().summary()
    assert (status, body["status"], body["ready"]) == (503, "starting", False)


def test_details_are_merged_and_may_name_the_status() -> None:
    health = make()
    health.hold_ready()
    health.resources_up()
    health.add_detail(lambda: {"status": "loading", "loading_time_seconds": 3})
    health.add_detail(lambda: {"model": "MiniLM"})
    status, body = health.summary()
    assert status == 503
    assert (body["status"], body["loading_time_seconds"], body["model"]) == ("loading", 3, "MiniLM")


def test_a_failing_detail_is_logged_once_and_left_out(log_lines: LogLines) -> None:
    health = started()

    def broken() -> dict[str, Any]:
        raise RuntimeError("no")

    health.add_detail(broken)
    health.add_detail(lambda: {"model": "MiniLM"})
    for _ in range(3):
        assert health.summary()[1]["model"] == "MiniLM"
    assert len(log_lines.named("health.detail_failed")) == 1
