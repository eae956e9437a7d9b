"""The translator over a real socket."""

import asyncio

import aiohttp
import pytest
from translator import TranslatorSettings, create_app

from ai_stack.service.runner import serving


async def translate(text: str) -> tuple[int, dict[str, str]]:
    settings = TranslatorSettings(port=0, auth="disabled")
    async with serving(create_app(settings)) as listener, aiohttp.ClientSession() as session:
        port = listener.sockets[0].getsockname()[1]
        async with session.post(f"http://127.0.0.1:{port}/translate", json={"text": text}) as answer:
            return answer.status, await answer.json()


@pytest.mark.parametrize("text", ["Speicher", "speicher"])
def test_a_known_word_is_translated(text: str) -> None:
    assert asyncio.run(translate(text)) == (200, {"text": "store"})


def test_an_unknown_word_is_not_found() -> None:
    status, answer = asyncio.run(translate("Eichhörnchen"))
    assert (status, answer["error"]) == (404, "no translation for this text")


def test_an_empty_text_is_refused() -> None:
    status, _ = asyncio.run(translate(""))
    assert status == 400
