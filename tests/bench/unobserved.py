"""The embeddings service with metrics that do nothing: `unobserved.py --config FILE`. For comparison only."""

from typing import Any

from aioprometheus import collectors

from ai_stack.embeddings.app import main
from ai_stack.service.metrics import ServiceMetrics


def nothing(*_arguments: Any, **_named: Any) -> None:
    """Do nothing."""


for cls, names in (
    (collectors.Counter, ("inc", "add")),
    (collectors.Gauge, ("set", "inc", "dec", "add")),
    (collectors.Histogram, ("observe", "add")),
    (ServiceMetrics, ("observe_request", "request_started", "request_finished")),
):
    for name in names:
        setattr(cls, name, nothing)

main()
