"""The wall clock jumps, as it does when a machine finds its time server: nothing that waits or expires follows it."""

import json
import time

import pytest

from support.http import Keys, api, running
from support.waiting import eventually

from .toy import create_app, toy_settings

YEAR = 365 * 24 * 3600.0
right = time.time


@pytest.mark.parametrize("seconds", [YEAR, -YEAR])
async def test_a_clock_that_jumps_neither_opens_nor_closes_a_limit(
    keys: Keys, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    app = create_app(toy_settings(keys.path, rate_limits={"interactive": {"rate_per_minute": 1, "burst": 2}}))
    async with running(app) as base, api(base, keys.read) as reader, api(base, keys.write) as other:
        assert [(await reader("GET", "/items")).status for _ in range(3)] == [200, 200, 429]
        monkeypatch.setattr(time, "time", lambda: right() + seconds)
        refused = await reader("GET", "/items")
        assert refused.status == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert (await other("GET", "/items")).status == 200


@pytest.mark.parametrize("seconds", [YEAR, -YEAR])
async def test_a_clock_that_jumps_cuts_no_request_off_and_hides_no_new_key(
    keys: Keys, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    app = create_app(toy_settings(keys.path))
    async with running(app) as base, api(base, keys.read) as reader:
        monkeypatch.setattr(time, "time", lambda: right() + seconds)
        assert (await reader("POST", "/greet", json={"name": "x"})).status == 200
        assert (await reader("GET", "/health/ready")).status == 200
        keys.path.write_text(
            json.dumps([record for record in json.loads(keys.path.read_text()) if record["name"] != "read"])
        )

        async def refused() -> bool:
            return (await reader("GET", "/items")).status == 401

        await eventually(refused)
