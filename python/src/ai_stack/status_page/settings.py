"""Settings of the status page."""

from pathlib import Path

from pydantic import Field

from ai_stack.service.settings import Port, Section, ServiceSettings

#: As in the names of units.
SERVICE_NAME = r"^[a-z0-9][a-z0-9-]{0,63}$"


class WatchedService(Section):
    """A service that the page shows."""

    name: str = Field(pattern=SERVICE_NAME, description="What it is called.")
    url: str = Field(pattern=r"^https?://", description="Where it is asked.")


class Link(Section):
    """Another page for operators."""

    title: str = Field(min_length=1, max_length=64, description="What it is called.")
    href: str = Field(pattern=r"^(https?://|/)", description="Its address, for the reader's browser.")


class GatewaySettings(Section):
    """The gateway, whose certificate the page shows."""

    host: str = Field(default="127.0.0.1", description="Address to connect to.")
    port: int = Field(ge=1, le=65535, description="Its port for HTTPS.")
    server_name: str = Field(min_length=1, description="Name that the certificate must be for.")
    authority: Path | None = Field(
        default=None, description="Certificate of the authority to trust; null: those of the system."
    )


class StatusPageSettings(ServiceSettings, env_prefix="AI_STACK_STATUS_PAGE_"):
    """status-page: the page for operators."""

    port: Port = 8096
    services: tuple[WatchedService, ...] = Field(default=(), description="The services to show, in this order.")
    links: tuple[Link, ...] = Field(default=(), description="Further pages.")
    gateway: GatewaySettings | None = Field(default=None, description="null: there is none.")
    backup_metrics: Path | None = Field(
        default=None, description="Metrics file that backups write; null: there are no backups to show."
    )
    probe_timeout: float = Field(default=2.0, gt=0, description="Seconds that one question to a service may take.")
    sample_interval: float = Field(default=15.0, gt=0, description="Seconds between two looks at the measurements.")
    window: float = Field(default=300.0, gt=0, description="Seconds over which rates and latencies are computed.")
