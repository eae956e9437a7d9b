"""The interface is what its own document says."""

from pathlib import Path

from support.fuzz import fuzz
from support.http import Keys

from .conftest import Start


async def test_generated_requests_get_documented_answers(start: Start, keys: Keys, tmp_path: Path) -> None:
    async with start(rate_limits={"interactive": None, "ingest": None}) as hybrid:
        await fuzz(hybrid.base, keys.admin, directory=tmp_path)
