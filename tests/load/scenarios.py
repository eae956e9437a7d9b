"""What users do: requests, how often each is sent, and what makes an answer a right one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from load.payloads import Payloads

DIMENSION = 384
PROJECT = "load-test"

Body = Callable[[Payloads], dict[str, Any]]


@dataclass(frozen=True)
class Scenario:
    """One kind of request.

    Attributes:
        service: that is asked.
        method: HTTP method.
        path: below the service's base URL.
        body: makes the JSON body; None for none.
        wrong: says what is wrong with the JSON of a 200, or returns None.
        streamed: whether the answer is a stream of server-sent events.
        undo: path of a DELETE, made from the JSON of a right answer, that is sent when the user stops.
    """

    service: str
    method: str
    path: str
    body: Body | None = None
    wrong: Callable[[Any], str | None] = lambda _answer: None
    streamed: bool = False
    undo: Callable[[Any], str] | None = None

    @property
    def name(self) -> str:
        """What reports and thresholds call it."""
        return f"{self.service} {self.method} {self.path.partition('?')[0]}"


def _vectors(answer: Any) -> str | None:
    vectors = answer["embeddings"] if isinstance(answer, dict) else answer
    return None if vectors and all(len(each) == DIMENSION for each in vectors) else "not one vector per text"


def _undegraded(answer: Any) -> str | None:
    return "degraded" if answer["degraded"] else None


def _health(service: str) -> Scenario:
    return Scenario(service, "GET", "/health")


SCENARIOS: Mapping[str, Scenario] = {
    **{f"health-{service}": _health(service) for service in ("embeddings", "aidb", "hybrid-coordinator", "nixos-docs")},
    "embed": Scenario("embeddings", "POST", "/embed", lambda some: {"inputs": [some.text()]}, _vectors),
    "vector-embed": Scenario("aidb", "POST", "/vector/embed", lambda some: {"texts": [some.text()]}, _vectors),
    "vector-search": Scenario(
        "aidb", "POST", "/vector/search", lambda some: {"query": some.query(), "limit": 3}, _undegraded
    ),
    "search": Scenario("aidb", "POST", "/search", lambda some: {"query": some.query(), "limit": 5}, _undegraded),
    "documents-list": Scenario("aidb", "GET", "/documents?limit=20"),
    "documents-store": Scenario(
        "aidb",
        "POST",
        "/documents",
        lambda some: {"project": PROJECT, "path": some.path(), "content": some.document()},
        undo=lambda answer: f"/documents/{answer['id']}",
    ),
    "augment-query": Scenario(
        "hybrid-coordinator",
        "POST",
        "/augment_query",
        lambda some: {"query": some.query(), "agent_type": "remote"},
        _undegraded,
    ),
    "nixos-docs": Scenario("nixos-docs", "POST", "/search", lambda some: {"query": some.query()}, _undegraded),
    "chat-stream": Scenario(
        "hybrid-coordinator",
        "POST",
        "/v1/chat/completions",
        lambda some: {"messages": [{"role": "user", "content": some.query()}], "stream": True},
        streamed=True,
    ),
}

#: Kinds of users, equally many of each; what one does, with the weight of each.
#: "original" is the mix of the load test that this one succeeds; "chat" needs a language model.
MIXES: Mapping[str, tuple[Mapping[str, int], ...]] = {
    "original": (
        {"health-aidb": 3, "vector-embed": 2, "vector-search": 1},
        {"health-embeddings": 3, "embed": 2},
        {"health-hybrid-coordinator": 2, "augment-query": 1},
    ),
    "full": (
        {"health-aidb": 3, "vector-embed": 2, "vector-search": 1, "search": 1},
        {"health-embeddings": 3, "embed": 2},
        {"health-hybrid-coordinator": 2, "augment-query": 1},
        {"documents-list": 2, "documents-store": 1},
        {"health-nixos-docs": 1, "nixos-docs": 2},
    ),
    "chat": ({"chat-stream": 1},),
}
