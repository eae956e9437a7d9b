"""`ai-stack ingest` against a real aidb, interrupted in the middle and repeated."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import closing
from pathlib import Path

from ai_stack.local.postgres import ConnectionParameters
from ai_stack.local.record import ChildRecord, StackRecord, write_record
from support.http import Api, Keys
from support.pdf import write_pdf
from support.waiting import eventually

from .conftest import Start
from .test_documents import rows

DOCUMENTS = 80
#: In one batch of the command, and one of the documents in the last full one.
BATCH, HELD = 16, "79.md"


def state_of(directory: Path, aidb: Api, keys: Keys) -> Path:
    """Return a state directory in which this aidb is the running stack."""
    state = directory / "state"
    state.mkdir()
    key = state / "api-key"
    key.write_text(keys.write)
    services = ("aidb", "nixos-docs", "hybrid-coordinator")
    child = ChildRecord(state="ready", pid=1, restarts=0, last_exit=None)
    record = StackRecord(
        services=dict.fromkeys(services, aidb.base),
        api_key_file=key,
        pids={"supervisor": 1},
        children=dict.fromkeys(services, child),
    )
    write_record(state, record)
    return state


async def ingest(corpus: Path, state: Path) -> Process:
    command = ("-m", "ai_stack.cli", "ingest", str(corpus), "--state", str(state), "--json")
    return await asyncio.create_subprocess_exec(sys.executable, *command, stdout=PIPE, stderr=PIPE)


async def test_an_interrupted_ingestion_goes_on_when_it_is_repeated_and_stores_nothing_twice(
    start: Start, keys: Keys, store: ConnectionParameters, tmp_path: Path
) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number in range(DOCUMENTS):
        (corpus / f"{number:02}.md").write_text(f"# Page {number}\n\nIt says word{number}.\n")
    (corpus / "manual.pdf").write_bytes(write_pdf("How the lamp is lit"))
    async with start() as aidb:
        state = await asyncio.to_thread(state_of, tmp_path, aidb, keys)

        async def all_but_the_last_batch() -> bool:
            return int((await aidb("GET", "/stats")).json["documents"]) >= DOCUMENTS - BATCH

        with closing(await asyncio.to_thread(store.connect)) as other:
            # Somebody else is storing one of the documents, and takes his time.
            other.autocommit = False
            other.cursor().execute(
                "INSERT INTO documents"
                " (project, path, title, content_type, content_hash, size_bytes, metadata, content)"
                " VALUES ('default', %s, 't', 'text/plain', decode(repeat('00', 32), 'hex'), 1, '{}', 'x')",
                (HELD,),
            )
            process = await ingest(corpus, state)
            await eventually(all_but_the_last_batch)
            process.send_signal(signal.SIGINT)
            output, errors = await process.communicate()
            other.rollback()
        assert process.returncode == 130, errors
        assert (output, b"the same command goes on" in errors) == (b"", True), errors

        process = await ingest(corpus, state)
        output, errors = await process.communicate()
        assert process.returncode == 0, errors
        report = json.loads(output)
        assert (report["stored"], report["skipped"]) == (DOCUMENTS + 1, [])
        assert report["unchanged"] >= DOCUMENTS - BATCH
        assert report["created"] + report["unchanged"] == DOCUMENTS + 1
        assert (await aidb("GET", "/stats")).json["documents"] == DOCUMENTS + 1
        found = (await aidb("POST", "/search", json={"query": "word79", "limit": 1})).json["results"][0]
        assert found["path"] == HELD
    counts = "SELECT count(*), count(DISTINCT (document_id, position)), count(embedding) FROM chunks"
    total, distinct, embedded = (await asyncio.to_thread(rows, store, counts))[0]
    assert total == distinct == embedded
