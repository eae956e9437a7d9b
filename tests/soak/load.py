"""The mixed load: every client judges each answer that it gets."""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from soak.caller import Caller, UnusableAnswerError
from soak.ledger import WORDS, Document, Ledger

PROJECT: Final = "soak"
ITEMS: Final = "/collections/best-practices/items"
#: Of two vectors of one text: batches of other sizes round differently, and no more.
SAME_VECTOR: Final = 0.9999
TEXTS: Final = (
    "a lantern in the fog",
    "rye bread on Tuesdays",
    "how is a key revoked?",
    "the brass horn sounds every ninety seconds",
)
#: Documents that nixos-docs indexes: a word of each, and what else the answer has to say.
FACTS: Final = {
    "lighthouse": "The keeper of the lighthouse is Marta Oyelaran.",
    "bakery": "The bakery sells rye bread on Tuesdays.",
    "telescope": "The telescope has a mirror of two metres.",
    "ferry": "The ferry crosses the sound at noon.",
}
_PAUSE_SECONDS: Final = (0.02, 0.25)


@dataclass
class Learned:
    """What hybrid-coordinator has acknowledged.

    Attributes:
        outcomes: outcome by interaction.
        items: what was stored as learned context, by id.
    """

    outcomes: dict[str, str] = field(default_factory=dict)
    items: dict[str, dict[str, str]] = field(default_factory=dict)


class Load:
    """All clients.

    Args:
        call: sends requests.
        ledger: of the documents.
        chance: decides what is done.
    """

    def __init__(self, call: Caller, ledger: Ledger, chance: random.Random) -> None:
        self._call = call
        self._ledger = ledger
        self._chance = chance
        self._vectors: dict[str, list[float]] = {}
        self.learned = Learned()

    async def prepare(self) -> None:
        """Ask for the vectors that later ones are compared with."""
        for text in TEXTS:
            _, (self._vectors[text],) = await self._call("embeddings", "POST", "/embed", body={"inputs": text})

    async def run(self, done: asyncio.Event, writers: int) -> None:
        """Run all clients until `done`; what each has begun it finishes."""
        documents = self._ledger.documents
        own = [documents[first::writers] for first in range(writers)]
        steps: list[Callable[[], Awaitable[None]]] = [
            *(self._writer(each) for each in own),
            self.search,
            self.search,
            self.augment,
            self.embed,
            self.interact,
            self.ask_documentation,
        ]
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(self._repeat(step, done))

    async def _repeat(self, step: Callable[[], Awaitable[None]], done: asyncio.Event) -> None:
        while not done.is_set():
            try:
                await step()
            except UnusableAnswerError:
                continue
            finally:
                await asyncio.sleep(self._chance.uniform(*_PAUSE_SECONDS))

    def _writer(self, documents: Sequence[Document]) -> Callable[[], Awaitable[None]]:
        async def step() -> None:
            await self.write(self._chance.choice(documents))

        return step

    async def write(self, document: Document) -> None:
        """Create, replace or delete a document; a write whose fate is not known is made again until it is."""
        if not document.settled:
            await self._send(document)
        document.begin(deleted=document.latest is not None and self._chance.random() < 0.25)
        await self._send(document)

    async def _send(self, document: Document) -> None:
        if document.latest is None:
            # Not there: the answer to the deletion was lost.
            await self._call("aidb", "DELETE", f"/documents/{document.id}", also=(404,))
            document.id = None
        elif document.id is not None and self._chance.random() < 0.3:
            body = {"content": document.text()}
            await self._call("aidb", "PUT", f"/documents/{document.id}", body=body)
        else:
            body = {"content": document.text(), "project": PROJECT, "path": document.path}
            _, answer = await self._call("aidb", "POST", "/documents", body=body)
            document.id = answer["id"]
        document.acknowledge()

    async def search(self) -> None:
        """Search for one document, by words, by meaning, or both."""
        document = self._chance.choice(self._ledger.documents)
        window = self._ledger.window()
        body: dict[str, Any] = {"query": document.word, "project": PROJECT, "limit": 10}
        mode = self._chance.choice(("keyword", "hybrid", "hybrid", "vector"))
        if mode == "vector":
            _, answer = await self._call("aidb", "POST", "/vector/search", body=body)
        else:
            _, answer = await self._call("aidb", "POST", "/search", body={**body, "mode": mode})
        for each in answer["results"]:
            for sentence in window.wrong(each["content"]):
                self._call.tally.report(f"{mode} search: {sentence}")
        found = {each["path"] for each in answer["results"]}
        if mode != "vector" and None not in window.states(document) and document.path not in found:
            self._call.tally.report(f"{mode} search: document {document.number} is not found")

    async def augment(self) -> None:
        """Ask a question."""
        document = self._chance.choice(self._ledger.documents)
        window = self._ledger.window()
        query = f"In which state is the page {document.word}?"
        _, answer = await self._call("hybrid-coordinator", "POST", "/augment_query", body={"query": query})
        for sentence in window.wrong(answer["augmented_prompt"]):
            self._call.tally.report(f"augment_query: {sentence}")
        there = None not in window.states(document)
        if there and not answer["degraded"] and not _shows(answer, document):
            self._call.tally.report(f"augment_query: document {document.number} is not among the sources")
        if query not in answer["augmented_prompt"]:
            self._call.tally.report(f"augment_query: the prompt lacks the question {query!r}")
        if answer["context_count"] != len(answer["sources"]):
            self._call.tally.report("augment_query: the sources are not those that are counted")

    async def embed(self) -> None:
        """Ask for vectors of known texts, in any number and order."""
        texts = self._chance.sample(TEXTS, self._chance.randint(1, len(TEXTS)))
        _, vectors = await self._call("embeddings", "POST", "/embed", body={"inputs": texts})
        for text, vector in zip(texts, vectors, strict=True):
            if sum(a * b for a, b in zip(vector, self._vectors[text], strict=True)) < SAME_VECTOR:
                self._call.tally.report(f"embed: another vector of {text!r}")

    async def interact(self) -> None:
        """Store an interaction and its outcome, or an item of learned context."""
        number = f"{self._chance.getrandbits(64):016x}"
        if self._chance.random() < 0.3:
            body = {
                "category": "soak",
                "title": f"Practice {number}",
                "description": " ".join(self._chance.choices(WORDS, k=16)),
            }
            _, answer = await self._call("hybrid-coordinator", "POST", ITEMS, body=body)
            self.learned.items[answer["id"]] = body
            return
        wanted = str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
        body = {"query": f"What is {number}?", "response": f"{number} is a number.", "interaction_id": wanted}
        _, answer = await self._call("hybrid-coordinator", "POST", "/interactions", body=body)
        if answer["interaction_id"] != wanted:
            self._call.tally.report(f"interactions: {answer['interaction_id']} is stored instead of {wanted}")
        outcome = self._chance.choice(("success", "partial", "failure"))
        await self._call("hybrid-coordinator", "POST", f"/interactions/{wanted}/outcome", body={"outcome": outcome})
        self.learned.outcomes[wanted] = outcome

    async def ask_documentation(self) -> None:
        """Search the documentation for a fact."""
        word, fact = self._chance.choice(list(FACTS.items()))
        _, answer = await self._call("nixos-docs", "POST", "/search", body={"query": word, "limit": 1})
        if not answer["results"] or fact not in answer["results"][0]["content"]:
            self._call.tally.report(f"nixos-docs: {word} finds {answer['results']}")


def _shows(answer: dict[str, Any], document: Document) -> bool:
    """Whether a document is among the sources of an augmented question."""
    return any(source["path"] == document.path for source in answer["sources"])
