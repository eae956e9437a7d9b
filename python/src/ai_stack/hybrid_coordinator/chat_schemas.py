"""Chat requests as OpenAI's API reference describes them, as far as this service looks at them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ai_stack.service.endpoint import RequestModel


class ChatMessage(RequestModel):
    """A message; further fields are passed on."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    role: str = Field(min_length=1, max_length=32)
    content: str | list[dict[str, Any]] | None = None


class ChatRequest(RequestModel):
    """A chat; further fields are passed on to the model."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    messages: list[ChatMessage] = Field(min_length=1, max_length=1000)
    model: str = Field(
        default="auto",
        max_length=256,
        description="`local`, `remote`; everything else leaves the choice to the service.",
    )
    stream: bool | None = None
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=1_000_000)


class Model(BaseModel):
    """A model that can be asked for."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class ModelList(BaseModel):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[Model]
