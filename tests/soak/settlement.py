"""The comparison at the end of a run: what was acknowledged against what is there."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing

from ai_stack.local.postgres import ConnectionParameters
from soak.caller import Caller
from soak.ledger import Document, Ledger
from soak.load import ITEMS, PROJECT, Learned
from support.aidb_faults import FAULTS
from support.waiting import eventually


async def lost(call: Caller, ledger: Ledger, learned: Learned) -> list[str]:
    """Return every acknowledged write that cannot be read back as it was acknowledged, as sentences."""
    found = []
    for document in ledger.documents:
        found.extend([each async for each in _lost_document(call, document)])
    found.extend(await _uncalled(call, ledger))
    for number, outcome in learned.outcomes.items():
        status, answer = await call("hybrid-coordinator", "GET", f"/interactions/{number}", also=(404,))
        if status == 404 or answer["outcome"] != outcome:
            found.append(f"interaction {number} ended as {outcome}; read back: {answer}")
    for item, body in learned.items.items():
        # Only what is there is updated. A search would rank it among hundreds that mean the same.
        _, answer = await call("hybrid-coordinator", "POST", ITEMS, body=body)
        if (answer["id"], answer["status"]) != (item, "updated"):
            found.append(f"item {item} is gone")
    return found


async def _lost_document(call: Caller, document: Document) -> AsyncIterator[str]:
    """What is wrong with one document; nothing when its latest write is not known to have arrived."""
    if not document.settled or document.latest is None:
        return
    status, answer = await call("aidb", "GET", f"/documents/{document.id}", also=(404,))
    if status == 404:
        yield f"document {document.number}, version {document.latest}, is gone"
    elif answer["content"] != document.text():
        yield f"document {document.number} is not in version {document.latest}: {answer['content']!r}"


async def _uncalled(call: Caller, ledger: Ledger) -> list[str]:
    """Documents that are there although they were deleted."""
    _, answer = await call("aidb", "GET", f"/documents?project={PROJECT}&limit=1000")
    stored = {each["path"] for each in answer["documents"]}
    return [
        f"document {document.number} was deleted and is there"
        for document in ledger.documents
        if document.settled and document.latest is None and document.path in stored
    ]


async def wait_for_vectors(call: Caller, seconds: float) -> None:
    """Return when every chunk has its vector.

    Raises:
        AssertionError: not all had in time.
    """

    async def embedded() -> bool:
        _, answer = await call("aidb", "GET", "/stats")
        return bool(answer["chunks_pending"] == 0)

    await eventually(embedded, seconds)


def inconsistencies(database: ConnectionParameters) -> Iterator[str]:
    """Yield what does not fit together in the database of aidb, as sentences."""
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        for name, statement in FAULTS.items():
            cursor.execute(statement)
            (number,) = cursor.fetchone() or (0,)
            if number:
                yield f"{name}: {number}"
