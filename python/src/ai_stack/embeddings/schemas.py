"""Requests and answers of the API.

`/embed` has the shape of Hugging Face's text-embeddings-inference, `/v1` that of OpenAI's API reference ("Create
embeddings", "List models").
"""

from typing import Literal

from pydantic import BaseModel, Field, field_validator

from ai_stack.service.endpoint import RequestModel

_PROMPT = "Which of the model's own prompts goes before each text; null: its default, if it has one."


class EmbedRequest(RequestModel):
    """Texts for `/embed`."""

    inputs: str | list[str] = Field(description="One text or several.")
    normalize: bool = Field(default=True, description="Scale vectors to unit length.")
    truncate: bool = Field(default=True, description="Cut texts that are longer than the model reads; false: 422.")
    prompt_name: str | None = Field(default=None, description=_PROMPT)


class SimilarityInputs(RequestModel):
    """What is compared with what."""

    source_sentence: str
    sentences: list[str]


class SimilarityParameters(RequestModel):
    """How texts become vectors."""

    truncate: bool = Field(default=True, description="Cut texts that are longer than the model reads; false: 422.")
    prompt_name: str | None = Field(default=None, description=_PROMPT)


class SimilarityRequest(RequestModel):
    """Texts for `/similarity`."""

    inputs: SimilarityInputs
    parameters: SimilarityParameters = SimilarityParameters()


class RerankRequest(RequestModel):
    """Texts for `/rerank`."""

    query: str
    texts: list[str]
    truncate: bool = Field(default=False, description="Cut texts that are longer than the model reads.")
    raw_scores: bool = Field(default=False, description="Give scores as the model does, not as 0 to 1.")
    return_text: bool = Field(default=False, description="Repeat the texts in the answer.")


class Rank(BaseModel):
    """A text's place."""

    index: int = Field(description="Of the text in the request.")
    score: float
    text: str | None = None


class TokenizeRequest(RequestModel):
    """Texts for `/tokenize`."""

    inputs: str | list[str] = Field(description="One text or several.")
    add_special_tokens: bool = Field(default=True, description="With the tokens that the model adds to a text.")
    prompt_name: str | None = Field(default=None, description=_PROMPT)


class Token(BaseModel):
    """A token of a text."""

    id: int
    text: str = Field(description="What of the text it stands for; the name of a special token.")
    special: bool = Field(description="Whether the model adds it.")
    start: int | None = Field(description="First character of the text, null for a special token.")
    stop: int | None = Field(description="Character after the last one.")


class OpenAIEmbeddingsRequest(RequestModel):
    """Texts for `/v1/embeddings`. Lists of token numbers are not taken: they belong to another tokenizer."""

    input: str | list[str] = Field(description="One text or several.")
    model: str | None = Field(default=None, description="Not looked at: a service has one model, which it names.")
    encoding_format: Literal["float", "base64"] = Field(
        default="float", description="base64: the vector's little-endian float32 numbers."
    )
    dimensions: int | None = Field(default=None, ge=1, description="Only the model's own number.")
    user: str | None = Field(default=None, description="Not looked at.")
    truncate: bool = Field(default=True, description="Cut texts that are longer than the model reads; false: 422.")
    prompt_name: str | None = Field(default=None, description=_PROMPT)

    @field_validator("input", mode="before")
    @classmethod
    def _is_text(cls, given: object) -> object:
        """Tell the remedy to clients that tokenize by themselves, as langchain's `OpenAIEmbeddings` does by default."""
        if isinstance(given, list) and given and isinstance(given[0], int | list):
            raise ValueError(
                "numbers of tokens belong to another model's tokenizer: send text "
                "(langchain's OpenAIEmbeddings: check_embedding_ctx_length=False)"
            )
        return given


class OpenAIEmbedding(BaseModel):
    """One vector."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class OpenAIUsage(BaseModel):
    """Tokens as the model reads them, special ones included."""

    prompt_tokens: int
    total_tokens: int
    truncated_texts: int = Field(description="Texts that were longer than the model reads.")


class OpenAIEmbeddingsResponse(BaseModel):
    """Answer of `/v1/embeddings`."""

    object: Literal["list"]
    data: list[OpenAIEmbedding]
    model: str
    usage: OpenAIUsage


class OpenAIModel(BaseModel):
    """A model that can be asked."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="Unix time of the weights' file.")
    owned_by: str = "ai-stack"


class OpenAIModelList(BaseModel):
    """Answer of `/v1/models`."""

    object: Literal["list"] = "list"
    data: list[OpenAIModel]


class InfoResponse(BaseModel):
    """The model and what a request may hold."""

    model: str
    revision: str = Field(description="SHA-256 of the weights; `int8-` before it with that engine.")
    dimensions: int
    pooling: str = Field(description="How the vectors of a text's tokens become one vector.")
    normalize: bool = Field(description="Whether the model itself scales vectors to unit length.")
    prompts: list[str] = Field(description="Names of the model's prompts.")
    max_sequence_length: int = Field(description="Tokens that the model reads of a text, special ones included.")
    max_batch_size: int = Field(description="Most texts of a request.")
    max_input_characters: int = Field(description="Most characters of a text.")
    status: Literal["ready"] = "ready"
