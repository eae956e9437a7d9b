"""Routes of aidb about documents. What they do is in `ingestion` and `documents`."""

from aiohttp import web

from ai_stack.aidb import schemas
from ai_stack.aidb.documents import DocumentRecord, DocumentStore
from ai_stack.aidb.identity import read_identity
from ai_stack.aidb.import_worker import lines_of
from ai_stack.aidb.ingestion import Ingestion
from ai_stack.aidb.job_routes import job_body
from ai_stack.aidb.job_schemas import JobBody
from ai_stack.aidb.resources import DATABASE, DOCUMENTS, IMPORTS, INGESTION, JOBS, PDF_READER, TELEMETRY
from ai_stack.service.endpoint import endpoint, json_response
from ai_stack.service.errors import NotFound

#: JSON may need six bytes for one of the content.
_DOCUMENT_BODY_BYTES = 8 * 1024 * 1024
_BATCH_BODY_BYTES = 32 * 1024 * 1024
#: To a reader of the OpenAPI document, /documents/batch is one of /documents/{id}; there only POST is answered.
_BY_ID = (405, 503)


@endpoint(
    "POST",
    "/documents",
    scope="write",
    rate="ingest",
    body=schemas.DocumentRequest,
    response=schemas.DocumentResult,
    errors=(409, 422, 503),
    summary="Store a document",
    tags=("documents",),
    max_body_bytes=_DOCUMENT_BODY_BYTES,
)
async def store_document(request: web.Request, body: schemas.DocumentRequest) -> schemas.DocumentResult:
    """Creates or replaces the document of this project and path. It is durable and found by keywords when this
    answers; vectors usually follow within the wait, and later when the embeddings service is away."""
    ingestion: Ingestion = request.app[INGESTION]
    return await ingestion.store_one(body)


@endpoint(
    "POST",
    "/documents/batch",
    scope="write",
    rate="ingest",
    body=schemas.BatchRequest,
    response=schemas.BatchResult | JobBody,
    errors=(202, 409, 503),
    summary="Store several documents",
    tags=("documents",),
    max_body_bytes=_BATCH_BODY_BYTES,
)
async def store_documents(request: web.Request, body: schemas.BatchRequest) -> web.Response:
    """Stores what can be stored and names the reason for what cannot. Does not wait for vectors: see `/stats`. In the
    background (202) it is a job, and durable when this answers."""
    if body.background:
        jobs = request.app[JOBS]
        job_id = await jobs.create("import")
        pdf = request.app[PDF_READER]
        await jobs.add(job_id, [await pdf.decoded_line(line) for line in lines_of(body.documents)])
        job = await jobs.start(job_id)
        request.app[IMPORTS].wake()
        return json_response(job_body(job), status=202)
    ingestion: Ingestion = request.app[INGESTION]
    return json_response(await ingestion.store_batch(body.documents))


@endpoint(
    "GET",
    "/documents",
    scope="read",
    query=schemas.DocumentQuery,
    response=schemas.DocumentList,
    errors=(503,),
    summary="List documents",
    tags=("documents",),
)
async def list_documents(request: web.Request, query: schemas.DocumentQuery) -> schemas.DocumentList:
    """In the order in which they were created. With their content, a page may end before the limit."""
    store: DocumentStore = request.app[DOCUMENTS]
    page = await store.list(
        project=query.project,
        status=query.status,
        limit=query.limit,
        after=query.after,
        include_content=query.include_content,
    )
    return schemas.DocumentList(
        documents=[_body(record) for record in page.documents],
        total=page.total,
        project=query.project,
        next=page.documents[-1].id if page.more else None,
    )


@endpoint(
    "GET",
    "/documents/{id:[0-9]+}",
    scope="read",
    path_params=schemas.DocumentPath,
    response=schemas.DocumentBody,
    errors=_BY_ID,
    summary="Read a document",
    tags=("documents",),
)
async def read_document(request: web.Request, path: schemas.DocumentPath) -> schemas.DocumentBody:
    """With its content."""
    store: DocumentStore = request.app[DOCUMENTS]
    record = await store.get(path.id)
    if record is None:
        raise NotFound("there is no such document")
    return _body(record)


@endpoint(
    "PUT",
    "/documents/{id:[0-9]+}",
    scope="write",
    rate="ingest",
    path_params=schemas.DocumentPath,
    body=schemas.DocumentContent,
    response=schemas.DocumentResult,
    errors=(*_BY_ID, 409, 422),
    summary="Replace a document",
    tags=("documents",),
    max_body_bytes=_DOCUMENT_BODY_BYTES,
)
async def replace_document(
    request: web.Request, path: schemas.DocumentPath, body: schemas.DocumentContent
) -> schemas.DocumentResult:
    """Stores a new version under the same project and path. What is left out gets its default."""
    ingestion: Ingestion = request.app[INGESTION]
    return await ingestion.replace(path.id, body)


@endpoint(
    "DELETE",
    "/documents/{id:[0-9]+}",
    scope="write",
    path_params=schemas.DocumentPath,
    response=schemas.Deleted,
    errors=_BY_ID,
    summary="Delete a document",
    tags=("documents",),
)
async def delete_document(request: web.Request, path: schemas.DocumentPath) -> schemas.Deleted:
    """With its chunks and vectors."""
    store: DocumentStore = request.app[DOCUMENTS]
    if not await store.delete(path.id):
        raise NotFound("there is no such document")
    request.app[TELEMETRY].record("documents", {"deleted": 1})
    return schemas.Deleted(id=path.id)


@endpoint("GET", "/stats", scope="read", response=schemas.Stats, errors=(503,), summary="Count what is stored")
async def stats(request: web.Request) -> schemas.Stats:
    """Measured now."""
    totals = await request.app[DOCUMENTS].totals()
    model = await read_identity(request.app[DATABASE])
    return schemas.Stats(
        projects=totals.projects,
        documents=totals.documents,
        chunks=totals.chunks,
        chunks_pending=totals.chunks_pending,
        chunks_refused=totals.chunks_refused,
        model=model.name if model else None,
        model_revision=model.revision if model else None,
    )


def _body(record: DocumentRecord) -> schemas.DocumentBody:
    return schemas.DocumentBody.model_validate(
        {
            "id": record.id,
            "project": record.project,
            "path": record.path,
            "relative_path": record.path,
            "title": record.title,
            "content_type": record.content_type,
            "checksum": record.content_hash,
            "size_bytes": record.size_bytes,
            "metadata": record.metadata,
            "status": record.status,
            "imported_at": record.created_at,
            "updated_at": record.updated_at,
            "chunks": record.chunks,
            "embedded": record.chunks == record.chunks_embedded,
            "content": record.content,
        }
    )


ROUTES = (
    store_document,
    store_documents,
    list_documents,
    read_document,
    replace_document,
    delete_document,
    stats,
)
