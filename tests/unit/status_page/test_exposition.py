"""Reading what the page needs from a service's measurements."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_stack.service.metrics import ServiceMetrics
from ai_stack.status_page.exposition import quantile, read_measures

INFINITE = float("inf")


def metrics() -> ServiceMetrics:
    return ServiceMetrics(prefix="toy", http_prefix="toy_http", service="toy", version="1")


def test_work_is_counted_and_probes_are_not() -> None:
    toy = metrics()
    toy.observe_request("/embed", "POST", 200, 0.02)
    toy.observe_request("/embed", "POST", 503, 0.02)
    toy.observe_request("/embed", "POST", 404, 0.02)
    for endpoint in ("/health/ready", "/health", "/metrics", "/errors/recent"):
        toy.observe_request(endpoint, "GET", 200, 5.0)
    found = read_measures(toy.render()[0].decode())
    assert (found.requests, found.failures) == (3, 1)
    assert found.latency[INFINITE] == 3
    assert found.memory_bytes > 0


def test_the_scrape_itself_is_not_counted_as_work() -> None:
    toy = metrics()
    toy.request_started()  # the scrape
    assert read_measures(toy.render()[0].decode()).in_flight == 0
    toy.request_started()
    assert read_measures(toy.render()[0].decode()).in_flight == 1


def test_queues_are_found_by_their_name() -> None:
    toy = metrics()
    toy.gauge("toy_queue_tokens", "Waiting.").set({}, 7)
    toy.gauge("toy_other", "Not waiting.").set({}, 9)
    assert read_measures(toy.render()[0].decode()).queues == {"toy_queue_tokens": 7}


def test_what_is_not_an_exposition_is_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        read_measures("<html>not found</html>")


def test_a_quantile_lies_within_its_bucket() -> None:
    latency = {0.1: 50.0, 0.2: 100.0, INFINITE: 100.0}
    assert quantile(0.5, latency) == pytest.approx(0.1)
    assert quantile(0.75, latency) == pytest.approx(0.15)


def test_beyond_the_last_bound_the_last_bound_is_given() -> None:
    assert quantile(0.95, {0.1: 1.0, INFINITE: 100.0}) == 0.1


def test_without_observations_there_is_no_quantile() -> None:
    assert quantile(0.5, {}) is None
    assert quantile(0.5, {0.1: 0.0, INFINITE: 0.0}) is None


@given(
    counts=st.lists(st.integers(0, 1000), min_size=2, max_size=12).filter(any),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_quantiles_ascend_and_stay_within_the_bounds(counts: list[int], shares: tuple[float, float]) -> None:
    bounds = [0.1 * (i + 1) for i in range(len(counts) - 1)] + [INFINITE]
    total, latency = 0.0, {}
    for bound, observed in zip(bounds, counts, strict=True):
        total += observed
        latency[bound] = total
    lower, upper = (quantile(share, latency) for share in sorted(shares))
    assert lower is not None
    assert upper is not None
    assert 0 <= lower <= upper <= bounds[-2]
