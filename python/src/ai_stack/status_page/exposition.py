"""What the page needs of a service's measurements (Prometheus text exposition format)."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

#: Nobody's work: probes and scrapes.
_NOT_WORK = ("/health", "/metrics", "/errors/recent")


@dataclass(frozen=True, slots=True)
class Measures:
    """One look at a service.

    Attributes:
        requests: answered since its start, probes and scrapes aside.
        failures: of these, with a status of 500 or more.
        latency: requests answered within so many seconds, by upper bound (cumulative, `inf` for all).
        in_flight: requests being served.
        memory_bytes: resident memory.
        queues: lengths of its queues, by name of the metric.
    """

    requests: float = 0.0
    failures: float = 0.0
    latency: Mapping[float, float] = field(default_factory=dict)
    in_flight: float = 0.0
    memory_bytes: float = 0.0
    queues: Mapping[str, float] = field(default_factory=dict)


def read_measures(text: str) -> Measures:
    """Read the measurements that every service of the stack has, whatever prefix their names have.

    Raises:
        ValueError: `text` is not in the exposition format.
    """
    requests = failures = in_flight = memory = 0.0
    latency: defaultdict[float, float] = defaultdict(float)
    queues: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name, labels, value = sample.name, sample.labels, float(sample.value)
            work = not labels.get("endpoint", "").startswith(_NOT_WORK)
            if name.endswith("_requests_in_flight"):
                in_flight += value
            elif name.endswith("_process_memory_bytes"):
                memory += value
            elif name.endswith("_request_latency_seconds_bucket") and work:
                latency[float(labels["le"])] += value
            elif name.endswith("_requests_total") and "endpoint" in labels and work:
                requests += value
                failures += value if labels.get("status", "").startswith("5") else 0.0
            elif family.type == "gauge" and "queue" in name:
                queues[name] += value
    # The question for these measurements is itself being served.
    return Measures(requests, failures, dict(latency), max(in_flight - 1, 0.0), memory, dict(queues))


def quantile(share: float, latency: Mapping[float, float]) -> float | None:
    """Estimate a quantile from a cumulative histogram, as `histogram_quantile` of Prometheus does.

    Args:
        share: between 0 and 1.
        latency: counts by upper bound, `inf` among them.

    Returns:
        Seconds, linear within the bucket; the highest finite bound for what lies beyond it. None without observations.
    """
    bounds = sorted(latency)
    if not bounds or latency[bounds[-1]] <= 0:
        return None
    rank = share * latency[bounds[-1]]
    lower, below = 0.0, 0.0
    for bound in bounds:
        if latency[bound] >= rank:
            if bound == float("inf"):
                return lower
            inside = latency[bound] - below
            return lower + (bound - lower) * ((rank - below) / inside if inside > 0 else 1.0)
        lower, below = bound, latency[bound]
    return lower
