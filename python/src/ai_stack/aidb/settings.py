"""Settings of aidb."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from ai_stack.service.settings import Port, ServiceSettings


class AidbSettings(ServiceSettings):
    """The system of record: documents, chunks, vectors and search."""

    model_config = SettingsConfigDict(env_prefix="AI_STACK_AIDB_")

    port: Port = 8091

    postgres_host: str = Field(default="127.0.0.1", description="Host name, address, or directory of the Unix socket.")
    postgres_port: int = Field(default=5432, ge=1, le=65535, description="TCP port, or number in the socket's name.")
    postgres_database: str = Field(default="aidb", description="Database; its owner must be the user.")
    postgres_user: str = Field(default="aidb", description="Role that logs in.")
    postgres_password: SecretStr | None = Field(default=None, description="Not needed with peer authentication.")
    postgres_pool_size: int = Field(default=20, ge=2, le=500, description="Connections at most.")
    postgres_timeout: float = Field(default=5.0, gt=0, description="Seconds that a query may take.")
    postgres_write_timeout: float = Field(default=30.0, gt=0, description="Seconds that storing documents may take.")
    postgres_start_timeout: float = Field(default=60.0, gt=0, description="Seconds to wait for the server at start.")

    embeddings_url: str = Field(default="http://127.0.0.1:8081", description="Address of the embeddings service.")
    embeddings_next_url: str | None = Field(
        default=None, description="Address of the service that runs the next model, while the model is being changed."
    )
    embeddings_timeout: float = Field(default=10.0, gt=0, description="Seconds that one batch of texts may take.")
    search_embed_timeout: float = Field(
        default=3.0, gt=0, description="Seconds that a search waits for the vector of its query."
    )
    embed_batch_size: int = Field(default=32, ge=1, le=64, description="Texts per request to the embeddings service.")
    embed_concurrency: int = Field(default=2, ge=1, le=16, description="Batches of stored chunks in flight at once.")
    embed_wait: float = Field(
        default=3.0, ge=0, description="Seconds that storing a document waits for its vectors before it answers."
    )

    redis_url: str | None = Field(
        default=None, description="redis:// or unix:// address of the cache of query vectors; none without."
    )
    redis_password: SecretStr | None = Field(default=None, description="Password of the cache.")
    embedding_cache_ttl: int = Field(default=86400, gt=0, description="Seconds that a query's vector is kept.")
    search_cache_ttl: int = Field(default=300, gt=0, description="Seconds that the answer to a search is kept.")

    max_document_bytes: int = Field(default=1_048_576, gt=0, description="Largest content of a document, in UTF-8.")
    max_import_bytes: int = Field(default=268_435_456, gt=0, description="Largest body of an import.")
    import_concurrency: int = Field(default=2, ge=1, le=16, description="Groups of lines of imports in flight at once.")
    job_retention: float = Field(default=604_800, gt=0, description="Seconds that a finished job can be asked about.")
    telemetry_enabled: bool = Field(default=True, description="Keep events for `GET /telemetry/summary`.")
    telemetry_retention: float = Field(default=2_592_000, gt=0, description="Seconds that an event is kept.")
    telemetry_max_events: int = Field(
        default=100_000,
        ge=100,
        le=10_000_000,
        description="Events that are kept, and a tenth more at times.",
    )
    chunk_tokens: int = Field(
        default=180, ge=32, le=2048, description="Estimated tokens per chunk; with its heading it must suit the model."
    )
    hnsw_ef_search: int = Field(default=100, ge=10, le=1000, description="Candidates that the vector index looks at.")
