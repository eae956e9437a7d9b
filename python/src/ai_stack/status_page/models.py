"""What the page is told."""

from pydantic import BaseModel, Field

from ai_stack.service.recent_errors import RecentError


class ServiceStatus(BaseModel):
    """One service."""

    name: str
    state: str = Field(description='What its /health says; "unreachable" when it does not answer.')
    serves: bool = Field(description="Whether it can serve.")
    problem: str | None = Field(default=None, description="Why it does not, as far as it is known.")
    version: str | None = None
    uptime_seconds: float | None = None
    breakers: dict[str, str] = Field(default={}, description="State of its circuits, by dependency.")
    in_flight: float | None = Field(default=None, description="Requests being served.")
    memory_bytes: float | None = None
    queues: dict[str, float] = Field(default={}, description="Lengths of its queues, by name of the metric.")
    window_seconds: float | None = Field(default=None, description="What the four below are about.")
    requests: int | None = None
    failures: int | None = Field(default=None, description="Answered with 500 or more.")
    p50_ms: float | None = None
    p95_ms: float | None = None


class FailedRequest(RecentError):
    """A request that failed, and where."""

    service: str


class Certificate(BaseModel):
    """What the gateway shows to its clients."""

    name: str
    trusted: bool
    problem: str | None = None
    not_after: float | None = Field(default=None, description="Unix time.")
    days_left: float | None = None


class Backup(BaseModel):
    """One kind of backup."""

    kind: str
    succeeded: bool = Field(description="Whether the last run did.")
    last_success: float | None = Field(default=None, description="Unix time.")
    size_bytes: float | None = None


class PageLink(BaseModel):
    """Another page."""

    title: str
    href: str


class StatusReport(BaseModel):
    """The whole page."""

    timestamp: str = Field(description="ISO 8601, UTC.")
    healthy: bool = Field(description="Whether everything on the page is as it should be.")
    services: list[ServiceStatus]
    errors: list[FailedRequest] = Field(description="Newest first.")
    certificate: Certificate | None = None
    backups: list[Backup] | None = Field(default=None, description="null: none are made here, or they cannot be read.")
    links: list[PageLink]
