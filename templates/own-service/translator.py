"""Translates words."""

from typing import Annotated

from aiohttp import web
from pydantic import Field

from ai_stack.service.app import Service
from ai_stack.service.endpoint import RequestModel, endpoint
from ai_stack.service.errors import NotFound
from ai_stack.service.runner import run
from ai_stack.service.settings import Port, ServiceSettings

WORDS = {"guten tag": "good day", "speicher": "store"}


class TranslatorSettings(ServiceSettings, env_prefix="AI_STACK_TRANSLATOR_"):
    """A translator."""

    port: Port = 8100


class Phrase(RequestModel):
    text: Annotated[str, Field(min_length=1, max_length=1000)]


@endpoint("POST", "/translate", scope="read", body=Phrase, errors=(404,), summary="Translate")
async def translate(_request: web.Request, body: Phrase) -> dict[str, str]:
    if (word := WORDS.get(body.text.lower())) is None:
        raise NotFound("no translation for this text")
    return {"text": word}


def create_app(settings: TranslatorSettings) -> web.Application:
    service = Service(name="translator", metrics_prefix="translator", settings=settings)
    service.add_routes((translate,))
    return service.build()


def main() -> None:
    run(TranslatorSettings, create_app)


if __name__ == "__main__":
    main()
