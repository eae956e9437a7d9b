"""The route of garbage collection."""

from aiohttp import web
from pydantic import BaseModel, Field

from ai_stack.hybrid_coordinator.keys import GARBAGE
from ai_stack.service.endpoint import RequestModel, endpoint


class CollectRequest(RequestModel):
    """A run."""

    dry_run: bool = Field(default=True, description="Count only.")


class CollectResponse(BaseModel):
    """What was deleted, or would be."""

    dry_run: bool
    deleted: dict[str, dict[str, int]] = Field(description="Items by collection and reason.")
    kept: dict[str, int] = Field(description="Items that may stay, by collection; pending interactions not counted.")
    total: int
    seconds: float


@endpoint(
    "POST",
    "/gc",
    scope="admin",
    body=CollectRequest,
    response=CollectResponse,
    errors=(503, 504),
    summary="Delete what is old, useless or too much",
    tags=("maintenance",),
    streaming=True,
)
async def collect(request: web.Request, body: CollectRequest) -> CollectResponse:
    """The same that is done on schedule. Unless told otherwise it deletes nothing and says what it would delete."""
    report = await request.app[GARBAGE].run(dry_run=body.dry_run)
    return CollectResponse(
        dry_run=report.dry_run,
        deleted={name: {**counts} for name, counts in report.deleted.items()},
        kept=report.kept,
        total=report.total,
        seconds=report.seconds,
    )


ROUTES = (collect,)
