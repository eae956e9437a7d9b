"""Settings of hybrid-coordinator."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from ai_stack.service.settings import Port, Section, ServiceSettings


class CollectionSettings(Section):
    """How a collection is searched for a prompt."""

    limit: int = Field(ge=0, le=50, description="The most passages it contributes; 0: it is not searched for prompts.")
    threshold: float = Field(ge=-1, le=1, description="Cosine similarity below which a passage is left out.")


class CollectionsSettings(Section):
    """Settings per collection. The thresholds are the original's, times 0.6 for MiniLM (decision 0014)."""

    codebase_context: CollectionSettings = Field(
        default=CollectionSettings(limit=5, threshold=0.42), description="Collection `codebase-context`."
    )
    skills_patterns: CollectionSettings = Field(
        default=CollectionSettings(limit=3, threshold=0.45), description="Collection `skills-patterns`."
    )
    error_solutions: CollectionSettings = Field(
        default=CollectionSettings(limit=2, threshold=0.48), description="Collection `error-solutions`."
    )
    best_practices: CollectionSettings = Field(
        default=CollectionSettings(limit=2, threshold=0.45), description="Collection `best-practices`."
    )
    interaction_history: CollectionSettings = Field(
        default=CollectionSettings(limit=0, threshold=0.42), description="Collection `interaction-history`."
    )

    def of(self, name: str) -> CollectionSettings:
        """Return the settings of the collection of this name."""
        found: CollectionSettings = getattr(self, name.replace("-", "_"))
        return found


class UsageSettings(Section):
    """How the outcomes of interactions move the records that they used."""

    half_life_days: float = Field(default=30.0, gt=0, description="Days after which an outcome weighs half as much.")
    weight: float = Field(
        default=0.1, ge=0, le=1, description="Cosine similarity that a record gains or loses at most by its outcomes."
    )


class LearningSettings(Section):
    """What is learned from interactions."""

    min_value: float = Field(default=0.7, ge=0, le=1, description="Value score from which an interaction is learned.")
    duplicate_similarity: float = Field(
        default=0.9, ge=0, le=1, description="Cosine similarity from which a known record is extended instead."
    )


class SessionSettings(Section):
    """Bounds of the sessions of conversations."""

    ttl: int = Field(default=3600, ge=1, description="Seconds that a session lives after its last turn.")
    max_queries: int = Field(default=50, ge=1, description="Latest questions that a session keeps.")
    max_context_ids: int = Field(
        default=1000, ge=1, description="Latest passages that a session knows to have been sent."
    )


class LlmSettings(Section):
    """A language model behind OpenAI's interface."""

    url: str = Field(description="Base address, for example http://127.0.0.1:8080/v1.")
    model: str = Field(min_length=1, description="Name under which it knows the model.")
    context_tokens: int = Field(default=8192, ge=512, description="Tokens of its window.")
    timeout: float = Field(
        default=120.0, gt=0, description="Seconds until its answer begins, and between two parts of it."
    )


class ChatSettings(Section):
    """How chats are answered."""

    local_confidence: float = Field(
        default=0.7, ge=0, le=1, description="Confidence in the local model from which it answers."
    )
    context_tokens: int = Field(default=2000, ge=64, le=32_000, description="Tokens of context for a question.")
    context_limit: int = Field(default=10, ge=1, le=50, description="The most sources for a question.")


class GarbageSettings(Section):
    """What is deleted, and when."""

    interval: float = Field(default=3600.0, gt=0, description="Seconds between runs.")
    interaction_days: float = Field(default=90.0, gt=0, description="Days that interactions are kept.")
    unused_days: float = Field(
        default=180.0, gt=0, description="Days that a learned record is kept without being confirmed."
    )
    min_usefulness: float = Field(
        default=0.2, ge=0, lt=0.5, description="Usefulness below which a learned record is deleted; 0.5 is no evidence."
    )
    max_interactions: int = Field(default=100_000, ge=1, description="Interactions that are kept; the oldest go first.")
    max_items: int = Field(
        default=10_000, ge=1, description="Records of a collection that are kept; the least useful go first."
    )


class ClusterSettings(Section):
    """How a Qdrant cluster spreads collections that are created; null leaves it to the server."""

    shards: int | None = Field(default=None, ge=1, le=1024, description="Shards of a collection.")
    replicas: int | None = Field(default=None, ge=1, le=64, description="Copies of each shard.")


class HnswSettings(Section):
    """Parameters of the vector index, applied when a collection is created (Malkov and Yashunin 2016)."""

    m: int = Field(default=16, ge=4, le=128, description="Links per point.")
    ef_construct: int = Field(default=64, ge=4, le=4096, description="Candidates looked at when a point is added.")
    full_scan_threshold: int = Field(
        default=10_000, ge=10, description="Kilobytes of vectors below which every one is compared."
    )


class HybridSettings(ServiceSettings):
    """What hybrid-coordinator can be told beside what every service can."""

    model_config = SettingsConfigDict(env_prefix="AI_STACK_HYBRID_COORDINATOR_")

    port: Port = 8092

    embeddings_url: str = Field(default="http://127.0.0.1:8081", description="Address of the embeddings service.")
    aidb_url: str | None = Field(default="http://127.0.0.1:8091", description="Address of aidb; null: not searched.")
    nixos_docs_url: str | None = Field(
        default="http://127.0.0.1:8094", description="Address of nixos-docs; null: not searched."
    )
    qdrant_url: str = Field(
        default="http://127.0.0.1:6333", description="Address of the Qdrant server; not used with qdrant_path."
    )
    qdrant_api_key: SecretStr | None = Field(default=None, description="Key of the Qdrant server.")
    qdrant_path: Path | None = Field(
        default=None, description="Keep the collections in this directory, in this process, instead of a server."
    )

    redis_url: str | None = Field(
        default=None, description="redis:// or unix:// address of the sessions' store; no sessions without."
    )
    redis_password: SecretStr | None = Field(default=None, description="Password of the sessions' store.")

    answer_deadline: float = Field(default=5.0, gt=0, le=60, description="Seconds for /augment_query.")
    embedding_share: float = Field(
        default=0.4, gt=0, le=0.5, description="Share of the deadline after which keyword search has to do."
    )
    store_deadline: float = Field(default=15.0, gt=0, le=120, description="Seconds for storing an item.")
    embedding_cache_size: int = Field(default=4096, ge=0, description="Vectors of questions kept in memory.")

    aidb_limit: int = Field(default=10, ge=1, le=100, description="Passages asked of aidb.")
    nixos_docs_limit: int = Field(default=10, ge=1, le=100, description="Passages asked of nixos-docs.")
    context_limit: int = Field(default=10, ge=1, le=50, description="The most sources in a prompt.")
    excerpt_max_chars: int = Field(default=1600, ge=200, le=20_000, description="Characters of one source.")
    min_similarity: float = Field(
        default=0.4, ge=-1, le=1, description="Cosine similarity from which a passage counts as relevant."
    )
    min_coverage: float = Field(
        default=0.6, ge=0, le=1, description="Share of the question's words from which a passage counts as relevant."
    )
    tokenizer_file: Path | None = Field(
        default=None, description="tokenizer.json of the model that reads the prompts; null estimates on the high side."
    )

    collections: CollectionsSettings = Field(
        default=CollectionsSettings(), description="How each Qdrant collection is searched for a prompt."
    )
    on_model_change: Literal["refuse", "reembed"] = Field(
        default="refuse",
        description="What becomes of the collections when the embedding model is another one: refuse to start, or give "
        "every record a vector of the new one.",
    )
    hnsw: HnswSettings = Field(default=HnswSettings(), description="Vector index of collections that are created.")
    cluster: ClusterSettings = Field(
        default=ClusterSettings(), description="Shards and replicas of collections that are created."
    )
    usage: UsageSettings = Field(default=UsageSettings(), description="Ranking by usefulness.")
    learning: LearningSettings = Field(default=LearningSettings(), description="Learning from interactions.")
    sessions: SessionSettings = Field(default=SessionSettings(), description="Sessions of conversations.")
    garbage: GarbageSettings = Field(default=GarbageSettings(), description="Scheduled deletion.")
    local_llm: LlmSettings | None = Field(default=None, description="Model on this machine; null: none.")
    local_llm_api_key: SecretStr | None = Field(default=None, description="Key of the local model.")
    remote_llm: LlmSettings | None = Field(default=None, description="Model elsewhere; null: none.")
    remote_llm_api_key: SecretStr | None = Field(default=None, description="Key of the remote model.")
    chat: ChatSettings = Field(default=ChatSettings(), description="Chats.")
