"""The interface is what its own document says."""

from pathlib import Path

from support.fuzz import fuzz
from support.http import Keys
from support.stores import ValkeyFixture

from .conftest import Start
from .llm_stub import llm_stub


async def test_generated_requests_get_documented_answers(
    start: Start, keys: Keys, tmp_path: Path, valkey: ValkeyFixture
) -> None:
    redis = valkey.fresh()
    async with (
        llm_stub() as llm,
        start(
            rate_limits={"interactive": None, "ingest": None},
            redis_url=redis.url,
            redis_password=redis.password,
            local_llm={"url": llm.url, "model": "tiny"},
        ) as hybrid,
    ):
        # Only the model that is configured can be asked for; `remote` is a 501.
        # `/mcp` has a protocol of its own.
        await fuzz(hybrid.base, keys.admin, directory=tmp_path, exclude=("/mcp",))
