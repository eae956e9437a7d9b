"""What the service can do, told in as many words as the reader has tokens for.

Everything is read from the declarations of the routes, so that it cannot say what is not true.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, get_args

import orjson

from ai_stack.hybrid_coordinator.conversation import Level
from ai_stack.hybrid_coordinator.tokens import TokenCounter
from ai_stack.service.endpoint import Endpoint

Depth = Literal["overview", "detailed", "comprehensive"]
Category = Literal["rag", "learning", "multi_turn", "inference", "integration", "monitoring"]
QueryType = Literal["quick_lookup", "troubleshooting", "learning", "implementation"]

CATEGORIES: tuple[Category, ...] = get_args(Category)
_CATEGORY_OF: Mapping[str, Category] = {
    "augment": "rag",
    "collections": "rag",
    "interactions": "learning",
    "sessions": "multi_turn",
    "chat": "inference",
    "mcp": "integration",
    "discovery": "integration",
    "maintenance": "monitoring",
    "meta": "monitoring",
}
#: Tokens of context that suit a kind of question (the original's table).
BUDGETS: Mapping[QueryType, Mapping[Level, int]] = {
    "quick_lookup": {"standard": 500, "detailed": 1000, "comprehensive": 2000},
    "troubleshooting": {"standard": 1000, "detailed": 2000, "comprehensive": 4000},
    "learning": {"standard": 800, "detailed": 1500, "comprehensive": 3000},
    "implementation": {"standard": 1500, "detailed": 3000, "comprehensive": 6000},
}
DESCRIPTIONS: Mapping[QueryType, str] = {
    "quick_lookup": "One fact, one option, one command.",
    "troubleshooting": "An error, with its context and what helped before.",
    "learning": "How something works and why.",
    "implementation": "Something to be built, with examples and practices.",
}


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Capabilities by category; `tokens` is what they take as JSON, `omitted` what did not fit the budget."""

    capabilities: dict[Category, list[dict[str, Any]]]
    tokens: int
    omitted: list[str]

    @property
    def id(self) -> str:
        """Equal for equal content: a reader that knows it need not read again."""
        return blake2b(orjson.dumps(self.capabilities), digest_size=8).hexdigest()


def disclose(
    endpoints: Iterable[Endpoint],
    *,
    depth: Depth,
    categories: Sequence[Category],
    budget: int,
    counter: TokenCounter,
) -> Disclosure:
    """Describe as many of `endpoints` as fit into `budget` tokens, in the order of `categories`."""
    described: dict[Category, list[tuple[str, dict[str, Any]]]] = {category: [] for category in categories}
    for target in endpoints:
        category = next((_CATEGORY_OF[tag] for tag in target.tags if tag in _CATEGORY_OF), None)
        if category in described:
            described[category].append((f"{target.method} {target.template}", _describe(target, depth)))
    shown: dict[Category, list[dict[str, Any]]] = {}
    omitted: list[str] = []
    tokens = _count({}, counter)
    for category, entries in described.items():
        for name, entry in entries:
            extended = {**shown, category: [*shown.get(category, []), entry]}
            needed = _count(extended, counter)
            if needed <= budget:
                shown, tokens = extended, needed
            else:
                omitted.append(name)
    return Disclosure(shown, tokens, omitted)


def _describe(target: Endpoint, depth: Depth) -> dict[str, Any]:
    entry: dict[str, Any] = {"route": f"{target.method} {target.template}", "summary": target.summary}
    if depth != "overview":
        entry |= {"description": target.description, "scope": target.scope}
        if target.body is not None:
            entry["fields"] = list(target.body.model_fields)
    if depth == "comprehensive" and target.body is not None:
        entry["schema"] = target.body.model_json_schema()
    return entry


def _count(content: Mapping[Category, Any], counter: TokenCounter) -> int:
    return counter.count(orjson.dumps(content).decode())
