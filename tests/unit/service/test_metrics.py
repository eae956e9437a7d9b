"""Metrics of a service, as Prometheus would read them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.service.metrics import LATENCY_BUCKETS, UNMATCHED, ServiceMetrics
from ai_stack.service.resilience import CircuitState, Policy
from ai_stack.service.resilience import GuardRegistry as Guards
from support.logs import LogLines

# A sample line of the exposition format, as its description defines it.
SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{((?:\w+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? ([^ ]+)$')


def make() -> ServiceMetrics:
    return ServiceMetrics(prefix="aidb", http_prefix="aidb_http", service="aidb", version="1.2.3")


def samples(metrics: ServiceMetrics) -> dict[str, float]:
    """Name and labels of each sample, as written, with its value."""
    body, _ = metrics.render()
    found: dict[str, float] = {}
    for line in body.decode().split("\n")[:-1]:
        if line.startswith("#"):
            continue
        match = SAMPLE.match(line)
        assert match, line
        name, labels, value = match.groups()
        found[f"{name}{{{labels}}}" if labels else name] = float(value)
    return found


def test_a_request_is_counted_by_route_method_and_status() -> None:
    metrics = make()
    metrics.observe_request("/documents/{id}", "GET", 200, 0.003)
    metrics.observe_request("/documents/{id}", "GET", 200, 7.0)
    found = samples(metrics)
    assert found['aidb_http_requests_total{endpoint="/documents/{id}",method="GET",status="200"}'] == 2
    assert found['aidb_http_request_latency_seconds_count{endpoint="/documents/{id}",method="GET"}'] == 2
    assert found['aidb_http_request_latency_seconds_sum{endpoint="/documents/{id}",method="GET"}'] == pytest.approx(
        7.003
    )
    bucket = 'aidb_http_request_latency_seconds_bucket{{endpoint="/documents/{{id}}",le="{}",method="GET"}}'
    assert [found[bucket.format(bound)] for bound in (0.0025, 0.005, 5.0, 10.0, "+Inf")] == [0, 1, 1, 2, 2]


@pytest.mark.parametrize(("status", "is_error"), [(200, 0), (302, 0), (399, 0), (400, 1), (404, 1), (499, 1), (503, 1)])
def test_an_answer_of_400_or_more_is_an_error(status: int, is_error: int) -> None:
    metrics = make()
    metrics.observe_request("/x", "POST", status, 0.1)
    labels = f'{{endpoint="/x",method="POST",status="{status}"}}'
    assert samples(metrics).get(f"aidb_http_request_errors_total{labels}", 0) == is_error


def test_invented_methods_share_one_label() -> None:
    metrics = make()
    for method in ("BREW", "get", 'X"\n'):
        metrics.observe_request(UNMATCHED, method, 405, 0.1)
    assert samples(metrics)['aidb_http_requests_total{endpoint="unmatched",method="other",status="405"}'] == 3


def test_the_buckets_span_a_cache_hit_and_the_default_deadline() -> None:
    assert LATENCY_BUCKETS[0] == 0.001
    assert LATENCY_BUCKETS[-1] == 30


def test_requests_in_flight_are_shown() -> None:
    metrics = make()
    metrics.request_started()
    metrics.request_started()
    metrics.request_finished()
    assert samples(metrics)["aidb_http_requests_in_flight"] == 1


def test_process_and_build_are_described() -> None:
    found = samples(make())
    assert found['aidb_build_info{version="1.2.3"}'] == 1
    assert 10e6 < found["aidb_process_memory_bytes"] < 10e9


def test_the_page_names_its_format() -> None:
    body, content_type = make().render()
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert body.endswith(b"\n")
    assert b"# TYPE aidb_http_requests_total counter\n" in body
    assert b"# HELP aidb_process_memory_bytes Resident memory of the process.\n" in body


def test_guards_are_shown_from_the_start_and_after_each_change() -> None:
    metrics = make()
    guards = Guards()
    guards.create("postgres", Policy())
    metrics.watch_guards(guards)
    guards.create("redis", Policy())
    for name in ("postgres", "redis"):
        assert samples(metrics)[f'aidb_circuit_breaker_state{{service="{name}"}}'] == 0
        assert samples(metrics)[f'aidb_circuit_breaker_failures_total{{service="{name}"}}'] == 0


async def test_a_failing_dependency_shows_in_its_circuit() -> None:
    metrics = make()
    guards = Guards()
    metrics.watch_guards(guards)
    guard = guards.create("postgres", Policy(attempts=1, failure_threshold=2))

    async def fail() -> None:
        raise ConnectionError

    for _ in range(2):
        with pytest.raises(Exception, match="postgres"):
            await guard.call(fail)
    found = samples(metrics)
    assert found['aidb_circuit_breaker_state{service="postgres"}'] == CircuitState.OPEN
    assert found['aidb_circuit_breaker_failures_total{service="postgres"}'] == 2


def test_a_name_gives_the_same_collector_again() -> None:
    metrics = make()
    assert metrics.counter("a_total", "A.") is metrics.counter("a_total", "A.")
    assert metrics.gauge("a", "A.") is metrics.gauge("a", "A.")
    assert metrics.histogram("a_seconds", "A.", [1, 2]) is metrics.histogram("a_seconds", "A.", (1, 2))


def test_a_name_belongs_to_one_kind_of_metric() -> None:
    metrics = make()
    metrics.counter("a_total", "A.")
    metrics.histogram("a_seconds", "A.", [1, 2])
    with pytest.raises(ValueError, match="a_total exists as a counter"):
        metrics.gauge("a_total", "A.")
    with pytest.raises(ValueError, match="other buckets"):
        metrics.histogram("a_seconds", "A.", [1, 3])


@pytest.mark.parametrize("buckets", [[], [2, 1], [1, 1]])
def test_buckets_must_ascend(buckets: list[float]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        make().histogram("a_seconds", "A.", buckets)


def test_a_bad_name_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid metric name"):
        make().counter("a-b", "A.")


def test_services_do_not_share_metrics() -> None:
    one, other = make(), make()
    one.counter("a_total", "A.").inc({})
    assert "a_total" in samples(one)
    assert "a_total" not in samples(other)


@given(label=st.text(st.characters(exclude_categories=["Cs"])), doc=st.text(st.characters(exclude_categories=["Cs"])))
def test_no_label_value_and_no_help_text_breaks_the_page(label: str, doc: str) -> None:
    metrics = make()
    metrics.counter("odd_total", doc).inc({"value": label})
    escaped = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    assert samples(metrics)[f'odd_total{{value="{escaped}"}}'] == 1


def test_gauges_are_refreshed_at_each_scrape() -> None:
    metrics = make()
    depth = metrics.gauge("queue_depth", "Depth.")
    values = iter((3, 5))
    metrics.on_scrape(lambda: depth.set({}, next(values)))
    assert [samples(metrics)["queue_depth"] for _ in range(2)] == [3, 5]


def test_a_failing_refresh_is_logged_once_and_the_page_still_served(log_lines: LogLines) -> None:
    metrics = make()
    broken = True
    refreshed = metrics.gauge("after", "After.")

    def refresh() -> None:
        if broken:
            raise RuntimeError("no")

    metrics.on_scrape(refresh)
    metrics.on_scrape(lambda: refreshed.set({}, 1))
    for _ in range(3):
        assert samples(metrics)["after"] == 1
    assert len(log_lines.named("metrics.refresh_failed")) == 1
    broken = False
    samples(metrics)
    broken = True
    samples(metrics)
    assert len(log_lines.named("metrics.refresh_failed")) == 2
