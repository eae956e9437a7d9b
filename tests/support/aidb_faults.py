"""What must never be found in the database of aidb."""

from typing import Final

#: Statements that count a fault each. An import that was broken off while it was being received was never
#: acknowledged; it is deleted later.
FAULTS: Final = {
    "documents stored twice": "SELECT count(*) - count(DISTINCT (project, path)) FROM documents",
    "chunks without their document": (
        "SELECT count(*) FROM chunks c WHERE NOT EXISTS (SELECT FROM documents d WHERE d.id = c.document_id)"
    ),
    "chunks stored twice": "SELECT count(*) - count(DISTINCT (document_id, position)) FROM chunks",
    "documents that their chunks do not add up to": (
        "SELECT count(*) FROM documents d WHERE content IS DISTINCT FROM"
        " (SELECT string_agg(content, '' ORDER BY position) FROM chunks c WHERE c.document_id = d.id)"
    ),
    "chunks without a vector": "SELECT count(*) FROM chunks WHERE embedding IS NULL",
    "chunks in the queue": "SELECT count(*) FROM embedding_queue",
    "lines that nobody will store": (
        "SELECT count(*) FROM job_items i JOIN jobs j ON j.id = i.job_id"
        " WHERE i.state = 'waiting' AND j.state <> 'receiving'"
    ),
    "lines stored without a document": (
        "SELECT count(*) FROM job_items i WHERE state = 'stored'"
        " AND NOT EXISTS (SELECT FROM documents d WHERE (d.id, d.path) = (i.document_id, i.path))"
    ),
    "jobs whose counters are wrong": (
        "SELECT count(*) FROM jobs j WHERE state <> 'receiving' AND (done <> total"
        " OR done <> created + updated + unchanged + refused"
        " OR done <> (SELECT count(*) FROM job_items i WHERE i.job_id = j.id))"
    ),
}
