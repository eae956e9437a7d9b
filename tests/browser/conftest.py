"""A real browser, in front of the status page of real services."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from support.http import Keys, make_keys

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def program() -> str:
    """The browser of this machine; a missing one fails."""
    for name in PROGRAMS:
        if (found := shutil.which(name)) is not None:
            return found
    pytest.fail(f"no browser: none of {', '.join(PROGRAMS)} is on PATH; install chromium")


@pytest.fixture
async def browser(program: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        # Its own sandbox does not work for root.
        browser = await playwright.chromium.launch(executable_path=program, chromium_sandbox=os.geteuid() != 0)
        yield browser
        await browser.close()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return make_keys(tmp_path)
