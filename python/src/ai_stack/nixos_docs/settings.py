"""Settings of nixos-docs."""

from pathlib import Path

from pydantic import Field

from ai_stack.nixos_docs.inputs import Inputs
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
    """nixos-docs: offline answers about NixOS documentation, options and packages."""

    port: Port = 8094
    index: Path = Field(
        description="The index file: built from `docs`, `options` and `packages` if any is set, otherwise only opened."
    )
    docs: Path | tuple[DocsDirectory, ...] = Field(
        default=(), description="The sources; or one directory whose folders are a source each."
    )
    options: Path | None = Field(
        default=None, description="options.json of nixosOptionsDoc, compressed with gzip or not; null: no options."
    )
    packages: Path | None = Field(
        default=None, description="packages.json, or the output of `nix-env -qaP --json --meta`; null: no packages."
    )
    modules: tuple[Path, ...] = Field(
        default=(), description="Directories of Nix modules, which tell what options were renamed or removed."
    )
    release: str | None = Field(
        default=None, description="NixOS release of options and packages; taken from the options when they tell."
    )
    embeddings_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Address of the embeddings service; null: search by words only.",
    )
    embeddings_timeout: float = Field(default=1.0, gt=0, description="Seconds that a question waits for its vector.")
    embeddings_batch_timeout: float = Field(
        default=60.0, gt=0, description="Seconds for a batch of texts when the vectors of the index are computed."
    )
    vectors: Path | None = Field(
        default=None, description="Directory where vectors are kept; that of the index when not given."
    )
    query_vector_cache_size: int = Field(default=4096, ge=0, description="Vectors of questions that are remembered.")
    answer_cache_bytes: int = Field(
        default=16 * 1024 * 1024, ge=0, description="Size of the answers that are remembered; 0 remembers none."
    )
    search_threads: int = Field(default=4, ge=1, le=64, description="Searches that run at the same time.")
    search_queue: int = Field(default=256, ge=0, description="Searches that may wait for a thread; beyond that, 503.")
    search_timeout: float = Field(default=5.0, gt=0, description="Seconds that a search may take, waiting included.")

    @property
    def builds(self) -> bool:
        """Whether the index is built here, and not only opened."""
        return bool(self.docs) or self.options is not None or self.packages is not None

    @property
    def vectors_directory(self) -> Path:
        """Where vectors are kept."""
        return self.vectors if self.vectors is not None else self.index.parent

    def inputs(self) -> Inputs:
        """Return what the index is built from, as it is on disk now. Blocking.

        Raises:
            SourceError: the directory of sources cannot be read.
        """
        return Inputs(
            sources=self.sources(),
            options=self.options,
            packages=self.packages,
            modules=self.modules,
            release=self.release,
        )

    def sources(self) -> list[Source]:
        """Return the configured sources as they are on disk now. Blocking.

        Raises:
            SourceError: the directory of sources cannot be read.
        """
        if isinstance(self.docs, Path):
            return sources_below(self.docs)
        return [Source(name=entry.source, root=entry.path, base_url=entry.url) for entry in self.docs]
