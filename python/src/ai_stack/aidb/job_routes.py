"""Routes of aidb about imports and other jobs. What they do is in `jobs` and `import_worker`."""

import asyncio
from dataclasses import asdict

from aiohttp import hdrs, web

from ai_stack.aidb import job_schemas as schemas
from ai_stack.aidb.import_reader import read_groups
from ai_stack.aidb.jobs import FINISHED, Job, JobStore, State
from ai_stack.aidb.resources import IMPORTS, JOBS, MODEL_CHANGE, PDF_READER, REEMBEDDER, SETTINGS
from ai_stack.service.endpoint import CONTENT_ENCODINGS, endpoint
from ai_stack.service.errors import Conflict, NotFound, Unprocessable, UnsupportedMediaType
from ai_stack.service.logs import get_logger
from ai_stack.service.resilience import DependencyError

NDJSON = "application/x-ndjson"
#: Seconds between two looks at a job that is being watched.
_LOOK = 0.5
#: Looks after which a comment keeps the connection of a watcher alive (15 s).
_QUIET_LOOKS = 30
#: JSON may need six bytes for one of the content; beside it a line has its metadata.
_LINE_FACTOR, _LINE_EXTRA = 6, 65_536

log = get_logger(__name__)


@endpoint(
    "POST",
    "/documents/import",
    scope="write",
    rate="ingest",
    response=schemas.JobBody,
    response_status=202,
    errors=(400, 408, 413, 415, 422, 503),
    summary="Import documents",
    tags=("jobs",),
    # A long import takes as long as its sender does.
    streaming=True,
)
async def import_documents(request: web.Request) -> schemas.JobBody:
    """Takes JSON lines (`application/x-ndjson`), each one a document as for `POST /documents`, and answers with a job
    when all are durable. A line that is none is refused and does not keep the others out."""
    if request.content_type != NDJSON:
        raise UnsupportedMediaType(f"the body must be {NDJSON}")
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() not in CONTENT_ENCODINGS:
        raise UnsupportedMediaType("this content encoding is not supported")
    jobs, settings = request.app[JOBS], request.app[SETTINGS]
    job_id = await jobs.create("import")
    received = False
    try:
        async for lines in read_groups(
            request.content,
            max_bytes=settings.max_import_bytes,
            max_line=_LINE_FACTOR * settings.max_document_bytes + _LINE_EXTRA,
            timeout=settings.body_timeout,
        ):
            await jobs.add(job_id, [await request.app[PDF_READER].decoded_line(line) for line in lines])
            received = True
        if not received:
            raise Unprocessable("the import has no lines")
        job = await jobs.start(job_id)
    except BaseException:
        # Nobody knows its id, so nobody could go on with it. In a task of its own, since this one may be cancelled.
        await asyncio.shield(asyncio.create_task(_forget(jobs, job_id)))
        raise
    request.app[IMPORTS].wake()
    return job_body(job)


@endpoint(
    "POST",
    "/model/change",
    scope="admin",
    rate="ingest",
    response=schemas.JobBody,
    response_status=202,
    errors=(409, 503),
    summary="Change the model",
    tags=("jobs",),
)
async def change_model(request: web.Request) -> schemas.JobBody:
    """Begins to embed all chunks by the model at `embeddings_next_url` and answers with the job. When all are done, the
    new vectors take the place of the old ones at once."""
    job = await request.app[MODEL_CHANGE].begin()
    request.app[REEMBEDDER].wake()
    return job_body(job)


@endpoint(
    "GET",
    "/jobs",
    scope="read",
    query=schemas.JobQuery,
    response=schemas.JobList,
    errors=(503,),
    summary="List jobs",
    tags=("jobs",),
)
async def list_jobs(request: web.Request, query: schemas.JobQuery) -> schemas.JobList:
    """The newest first. Finished ones are kept for a week (a setting)."""
    found = await request.app[JOBS].newest(limit=query.limit + 1, before=query.before, state=query.state)
    page = found[: query.limit]
    return schemas.JobList(jobs=[job_body(job) for job in page], next=page[-1].id if len(found) > query.limit else None)


@endpoint(
    "GET",
    "/jobs/{id:[0-9]+}",
    scope="read",
    path_params=schemas.JobPath,
    response=schemas.JobDetail,
    errors=(503,),
    summary="Show a job",
    tags=("jobs",),
)
async def show_job(request: web.Request, path: schemas.JobPath) -> schemas.JobDetail:
    """How far it is."""
    return await _detail(request, path.id)


@endpoint(
    "GET",
    "/jobs/{id:[0-9]+}/items",
    scope="read",
    path_params=schemas.JobPath,
    query=schemas.ItemQuery,
    response=schemas.ItemList,
    errors=(503,),
    summary="Show the lines of a job",
    tags=("jobs",),
)
async def show_items(request: web.Request, path: schemas.JobPath, query: schemas.ItemQuery) -> schemas.ItemList:
    """What became of each, in the order of the import."""
    await _job(request, path.id)
    found = await request.app[JOBS].items(path.id, after=query.after, limit=query.limit + 1, state=query.state)
    page = found[: query.limit]
    return schemas.ItemList(
        items=[schemas.ItemBody.model_validate(asdict(item)) for item in page],
        next=page[-1].line if len(found) > query.limit else None,
    )


@endpoint(
    "GET",
    "/jobs/{id:[0-9]+}/events",
    scope="read",
    path_params=schemas.JobPath,
    response_type="text/event-stream",
    errors=(503,),
    summary="Watch a job",
    tags=("jobs",),
    streaming=True,
)
async def watch_job(request: web.Request, path: schemas.JobPath) -> web.StreamResponse:
    """Server-sent events: `progress` with the job as JSON whenever it has changed, until it is finished. Chunks that
    wait for their vectors are not counted."""
    job: Job | None = await _job(request, path.id)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    sent: Job | None = None
    quiet = 0
    while job is not None:
        if job != sent:
            await response.write(f"event: progress\ndata: {job_body(job).model_dump_json()}\n\n".encode())
            sent, quiet = job, 0
        elif (quiet := quiet + 1) % _QUIET_LOOKS == 0:
            await response.write(b": still there\n\n")
        if job.state in FINISHED:
            break
        await asyncio.sleep(_LOOK)
        try:
            job = await request.app[JOBS].get(path.id)
        except DependencyError as error:
            log.info("jobs.watch_waits", job=path.id, reason=str(error))
    await response.write_eof()
    return response


@endpoint(
    "POST",
    "/jobs/{id:[0-9]+}/cancel",
    scope="write",
    path_params=schemas.JobPath,
    response=schemas.JobDetail,
    errors=(409, 503),
    summary="Cancel a job",
    tags=("jobs",),
)
async def cancel_job(request: web.Request, path: schemas.JobPath) -> schemas.JobDetail:
    """What it has stored stays; the rest is left alone until it is tried again."""
    return await _change(request, path.id, ("running", "paused"), "cancelled")


@endpoint(
    "POST",
    "/jobs/{id:[0-9]+}/pause",
    scope="write",
    path_params=schemas.JobPath,
    response=schemas.JobDetail,
    errors=(409, 503),
    summary="Pause a job",
    tags=("jobs",),
)
async def pause_job(request: web.Request, path: schemas.JobPath) -> schemas.JobDetail:
    """Until it is resumed. What is in flight is finished."""
    return await _change(request, path.id, ("running",), "paused")


@endpoint(
    "POST",
    "/jobs/{id:[0-9]+}/resume",
    scope="write",
    path_params=schemas.JobPath,
    response=schemas.JobDetail,
    errors=(409, 503),
    summary="Resume a job",
    tags=("jobs",),
)
async def resume_job(request: web.Request, path: schemas.JobPath) -> schemas.JobDetail:
    """One that was paused."""
    return await _change(request, path.id, ("paused",), "running")


@endpoint(
    "POST",
    "/jobs/{id:[0-9]+}/retry",
    scope="write",
    path_params=schemas.JobPath,
    body=schemas.RetryRequest,
    response=schemas.JobDetail,
    errors=(409, 503),
    summary="Try a job again",
    tags=("jobs",),
)
async def retry_job(request: web.Request, path: schemas.JobPath, body: schemas.RetryRequest) -> schemas.JobDetail:
    """The lines that were refused when they were to be stored, and those that a cancelled job left. Lines that are not
    valid would be refused again and are not tried."""
    await _job(request, path.id)
    if not await request.app[JOBS].retry(path.id, body.reason):
        raise Conflict("the job has nothing to try again")
    log.info("jobs.tried_again", job=path.id, reason=body.reason)
    request.app[IMPORTS].wake()
    return await _detail(request, path.id)


def job_body(job: Job) -> schemas.JobBody:
    """Return a job as it is shown."""
    return schemas.JobBody.model_validate(asdict(job))


async def _forget(jobs: JobStore, job_id: int) -> None:
    try:
        await jobs.forget(job_id)
    except DependencyError as error:
        log.warning("jobs.not_forgotten", job=job_id, reason=str(error), consequence="it is deleted later")


async def _job(request: web.Request, job_id: int) -> Job:
    job = await request.app[JOBS].get(job_id)
    if job is None:
        raise NotFound("there is no such job")
    return job


async def _detail(request: web.Request, job_id: int) -> schemas.JobDetail:
    job = await _job(request, job_id)
    pending = await request.app[JOBS].chunks_pending(job_id)
    return schemas.JobDetail.model_validate(asdict(job) | {"chunks_pending": pending})


async def _change(request: web.Request, job_id: int, source: tuple[State, ...], target: State) -> schemas.JobDetail:
    job = await _job(request, job_id)
    if job.state != target and not await request.app[JOBS].change_state(job_id, source, target):
        raise Conflict(f"the job is {(await _job(request, job_id)).state}")
    request.app[IMPORTS].wake()
    request.app[REEMBEDDER].wake()
    return await _detail(request, job_id)


ROUTES = (
    import_documents,
    change_model,
    list_jobs,
    show_job,
    show_items,
    watch_job,
    cancel_job,
    pause_job,
    resume_job,
    retry_job,
)
