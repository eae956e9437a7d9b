"""Settings of nixos-docs."""

from pathlib import Path

from pydantic import Field

from ai_stack.nixos_docs.sources import SOURCE_NAME, Source, sources_below
from ai_stack.service.settings import Port, Section, ServiceSettings


class DocsDirectory(Section):
    """A directory of Markdown and reStructuredText files that are one source."""

    source: str = Field(pattern=SOURCE_NAME, description="First part of the paths in the answers.")
    path: Path = Field(description="The directory.")
    url: str | None = Field(
        default=None, pattern=r"^https?://", description="Where the files are published, under their paths."
    )


class NixosDocsSettings(ServiceSettings, env_prefix="AI_STACK_NIXOS_DOCS_"):
    """nixos-docs: offline search over NixOS documentation."""

    port: Port = 8094
    index: Path = Field(description="The index file: built from `docs` where that is set, otherwise only opened.")
    docs: Path | tuple[DocsDirectory, ...] = Field(
        default=(), description="The sources; or one directory whose folders are a source each."
    )
    search_threads: int = Field(default=4, ge=1, le=64, description="Searches that run at the same time.")
    search_queue: int = Field(default=256, ge=0, description="Searches that may wait for a thread; beyond that, 503.")
    search_timeout: float = Field(default=5.0, gt=0, description="Seconds that a search may take, waiting included.")

    @property
    def builds(self) -> bool:
        """Whether the index is built here, and not only opened."""
        return bool(self.docs)

    def sources(self) -> list[Source]:
        """Return the configured sources as they are on disk now. Blocking.

        Raises:
            SourceError: the directory of sources cannot be read.
        """
        if isinstance(self.docs, Path):
            return sources_below(self.docs)
        return [Source(name=entry.source, root=entry.path, base_url=entry.url) for entry in self.docs]
