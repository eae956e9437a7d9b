"""What the handlers have in common: where the model is, and from a request's texts to its vectors."""

from aiohttp import web

from ai_stack.embeddings.embedder import Embedded
from ai_stack.embeddings.loader import ModelLoader
from ai_stack.embeddings.model import ModelSpec
from ai_stack.embeddings.settings import EmbeddingsSettings
from ai_stack.service.errors import BadRequest
from ai_stack.service.middleware import ANONYMOUS, PRINCIPAL

MODEL: web.AppKey[ModelLoader] = web.AppKey("model", ModelLoader)
SETTINGS: web.AppKey[EmbeddingsSettings] = web.AppKey("settings", EmbeddingsSettings)


def checked_texts(given: str | list[str], field: str, settings: EmbeddingsSettings) -> list[str]:
    """Return the texts of a request.

    Raises:
        BadRequest: none, too many, or one that is blank or too long; says which.
    """
    texts = [given] if isinstance(given, str) else given
    if not texts:
        raise BadRequest(f"{field}: must hold at least one text")
    if len(texts) > settings.max_batch_size:
        raise BadRequest(f"{field}: {len(texts)} texts, at most {settings.max_batch_size} are allowed")
    for index, text in enumerate(texts):
        place = field if isinstance(given, str) else f"{field}.{index}"
        if not text.strip():
            raise BadRequest(f"{place}: must not be blank")
        if len(text) > settings.max_input_characters:
            raise BadRequest(f"{place}: {len(text)} characters, at most {settings.max_input_characters} are allowed")
    return texts


def prompted(texts: list[str], name: str | None, spec: ModelSpec) -> list[str]:
    """Return the texts, each after the model's prompt of that name (None: its default, if it has one).

    Raises:
        BadRequest: the model has no such prompt.
    """
    if name is None:
        name = spec.default_prompt
    if name is None:
        return texts
    prompt = spec.prompts.get(name)
    if prompt is None:
        known = ", ".join(sorted(spec.prompts)) or "none"
        raise BadRequest(f"prompt_name: this model has no such prompt; it has: {known}")
    return [prompt + text for text in texts]


def client_of(request: web.Request) -> str:
    """Return who asks, for fair shares."""
    principal = request.get(PRINCIPAL)
    return principal.name if principal is not None else ANONYMOUS


async def embed_texts(
    request: web.Request, texts: list[str], *, prompt_name: str | None, normalize: bool, truncate: bool
) -> Embedded:
    """Return the vectors of checked texts. Errors are those of `prompted` and `Embedder.embed`."""
    embedder = request.app[MODEL].embedder
    full = prompted(texts, prompt_name, embedder.spec)
    return await embedder.embed(full, normalize=normalize, truncate=truncate, client=client_of(request))


def facts(embedded: Embedded) -> dict[str, str]:
    """What became of a request, as headers; times as `Server-Timing` (W3C, "Server Timing"), in milliseconds."""
    timing = embedded.timing
    parts = {"tokenize": timing.tokenize, "queue": timing.queue, "infer": timing.infer}
    return {
        "Server-Timing": ", ".join(f"{name};dur={seconds * 1000:.3f}" for name, seconds in parts.items()),
        "X-Tokens": str(embedded.tokens),
        "X-Truncated-Texts": str(embedded.truncated),
        "X-Cached-Texts": str(embedded.cached),
    }
