"""The service against its own OpenAPI document."""

import asyncio
from pathlib import Path

from support.fuzz import fuzz
from support.http import Keys

from .conftest import MakeSettings, serving


async def test_no_generated_request_gets_an_undocumented_answer(
    make_settings: MakeSettings, keys: Keys, tmp_path: Path
) -> None:
    settings = await asyncio.to_thread(make_settings, rate_limits={"interactive": None, "ingest": None})
    async with serving(settings, keys.read) as api:
        await fuzz(api.base, keys.read, directory=tmp_path)
