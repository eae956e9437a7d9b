"""Store a directory of documents: in batches, several in flight, until every chunk has its vector."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ai_stack.cli.client import StackClient
from ai_stack.cli.corpus import Document, Skipped, batches, best_practices, find_documents, read_document
from ai_stack.local.errors import LocalError

BATCH_DOCUMENTS = 16
BATCH_BYTES = 256 * 1024
IN_FLIGHT = 3
POLL_SECONDS = 0.2
LIST_PAGE = 500


@dataclass
class Report:
    """What an ingestion has done so far.

    Attributes:
        found: documents in the directory.
        outcomes: documents by "created", "updated" and "unchanged".
        chunks: chunks of the documents that are stored now.
        new_chunks: chunks of those that were created or updated.
        pending: chunks that still wait for their vectors.
        skipped: files that were not sent or were refused, with the reason.
        practices: best practices stored.
        deleted: documents that were stored before and are in the directory no more.
        seconds: how long it took, the vectors included.
    """

    found: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    chunks: int = 0
    new_chunks: int = 0
    pending: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    practices: int = 0
    deleted: int = 0
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """Documents that were dealt with."""
        return sum(self.outcomes.values()) + len(self.skipped)

    @property
    def stored(self) -> int:
        """Documents that are stored now."""
        return sum(self.outcomes.values())

    def as_dict(self) -> dict[str, Any]:
        """The report for other programs."""
        return {
            "found": self.found,
            "stored": self.stored,
            **{name: self.outcomes[name] for name in ("created", "updated", "unchanged")},
            "deleted": self.deleted,
            "chunks": self.chunks,
            "new_chunks": self.new_chunks,
            "practices": self.practices,
            "seconds": round(self.seconds, 3),
            "skipped": [{"path": item.path, "reason": item.reason} for item in self.skipped],
        }

    def add(self, results: Sequence[dict[str, Any]]) -> None:
        """Count the results of a batch."""
        for result in results:
            if result["status"] == "refused":
                self.skipped.append(Skipped(result["path"], result["error"]))
                continue
            self.outcomes[result["change"]] += 1
            self.chunks += result["chunks"]
            if result["change"] != "unchanged":
                self.new_chunks += result["chunks"]


async def ingest(
    client: StackClient,
    corpus: Path,
    project: str,
    on_progress: Callable[[Report], None] = lambda _: None,
    *,
    delete_missing: bool = False,
) -> Report:
    """Store every document below `corpus` and the best practices beside them, and wait for the vectors.

    A document that is stored already is sent and found unchanged, which costs little. So what was interrupted goes on
    when it is repeated.

    Args:
        client: the stack.
        corpus: directory of documents.
        project: project the documents belong to.
        on_progress: called as the report changes.
        delete_missing: delete documents of the project that are not in the directory.

    Raises:
        LocalError: the directory holds no documents, or a service does not take them.
    """
    began = time.monotonic()
    report = Report()
    paths = await asyncio.to_thread(find_documents, corpus)
    report.found = len(paths)

    def documents() -> Iterator[Document]:
        for path in paths:
            found = read_document(corpus, path)
            if isinstance(found, Document):
                yield found
            else:
                report.skipped.append(found)

    async def send(batch: list[Document]) -> None:
        body = {"documents": [{**asdict(one), "project": project} for one in batch]}
        answer = await client.call("aidb", "POST", "/documents/batch", body)
        report.add(answer["results"])
        on_progress(report)

    async def worker(queue: Iterator[list[Document]]) -> None:
        # Files are small and read just before they are sent; a batch at a time does not stall the loop for long.
        for batch in queue:
            await send(batch)

    queue = batches(documents(), BATCH_DOCUMENTS, BATCH_BYTES)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(worker(queue))
    except* LocalError as several:
        raise several.exceptions[0] from None
    if delete_missing:
        names = {path.relative_to(corpus).as_posix() for path in paths}
        await delete_all_but(client, project, names, report)
    for item in await asyncio.to_thread(best_practices, corpus):
        await client.call("hybrid-coordinator", "POST", "/collections/best-practices/items", item)
        report.practices += 1
    await wait_for_vectors(client, report, on_progress)
    report.seconds = time.monotonic() - began
    return report


async def delete_all_but(client: StackClient, project: str, names: Set[str], report: Report) -> None:
    """Delete the documents of a project that are not among `names`. A file that was skipped keeps its document.

    Raises:
        LocalError: aidb does not answer.
    """
    after: int | None = 0
    while after is not None:
        query = urlencode({"project": project, "limit": LIST_PAGE, "after": after})
        page = await client.call("aidb", "GET", f"/documents?{query}")
        for document in page["documents"]:
            if document["path"] not in names:
                await client.call("aidb", "DELETE", f"/documents/{document['id']}")
                report.deleted += 1
        after = page["next"]


async def wait_for_vectors(client: StackClient, report: Report, on_progress: Callable[[Report], None]) -> None:
    """Return when no chunk waits for its vector any more.

    Raises:
        LocalError: aidb does not answer.
    """
    while pending := int((await client.call("aidb", "GET", "/stats"))["chunks_pending"]):
        report.pending = pending
        on_progress(report)
        await asyncio.sleep(POLL_SECONDS)
    report.pending = 0
    on_progress(report)
