"""The service that the documentation writes works as it says."""

import importlib.util
from pathlib import Path
from types import ModuleType

from support.http import api, make_keys, running

from .pages import DOCS, code_blocks


def load_example(directory: Path) -> ModuleType:
    """The first Python block of the page, saved and imported as the page says."""
    page = DOCS / "runtime" / "write-your-own-service.md"
    source = next(block.text for block in code_blocks(page) if block.language == "python")
    path = directory / "translator.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("translator", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_the_service_of_the_page_answers_as_the_page_says(tmp_path: Path) -> None:
    translator = load_example(tmp_path)
    keys = make_keys(tmp_path)
    app = translator.create_app(translator.TranslatorSettings(port=0, api_keys_file=keys.path))
    async with running(app) as base, api(base, keys.read) as call:
        answer = await call("POST", "/translate", json={"text": "Speicher"})
        assert (answer.status, answer.json) == (200, {"text": "store"})
        assert (await call("POST", "/translate", json={"text": "Fenster"})).status == 404
        assert (await call.with_key(None)("POST", "/translate", json={"text": "Speicher"})).status == 401
        refused = await call("POST", "/translate", json={"txt": "Speicher"})
        assert (refused.status, refused.json["error"]) == (400, "text: Field required; txt: unknown field")
        document = (await call("GET", "/openapi.json")).json
        assert document["paths"]["/translate"]["post"]["x-scope"] == "read"
        assert b"translator_requests_total" in (await call("GET", "/metrics")).body
