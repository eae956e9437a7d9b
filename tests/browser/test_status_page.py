"""The status page as an operator sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from aiohttp import web
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from ai_stack.service.app import Service
from ai_stack.service.endpoint import endpoint
from ai_stack.service.errors import Unavailable
from ai_stack.service.resilience import Policy
from ai_stack.service.settings import ServiceSettings
from ai_stack.status_page.app import create_app as create_status_page
from ai_stack.status_page.settings import Link, StatusPageSettings, WatchedService
from support.http import Keys, api, running

WAIT = 30_000  # ms
Scheme = Literal["light", "dark"]


class ToySettings(ServiceSettings, env_prefix="AI_STACK_TOY_"):
    """Nothing of its own."""


@endpoint("GET", "/fail", scope="read", summary="Fail", errors=(503,))
async def fail(request: web.Request) -> dict[str, str]:
    """Fails."""
    raise Unavailable("<img src=x onerror=alert(1)> is away")


def create_app(keys: Keys) -> web.Application:
    service = Service(name="toy", metrics_prefix="toy", settings=ToySettings(port=0, api_keys_file=keys.path))
    service.add_routes((fail,))
    service.guards.create("store", Policy())
    service.metrics.gauge("toy_queue_tokens", "Waiting.").set({}, 12)
    return service.build()


@asynccontextmanager
async def status_page(keys: Keys, directory: Path) -> AsyncIterator[tuple[str, str]]:
    """A page about one service that works, after a failure, and one that is away; yields URLs of page and service."""
    backups = directory / "backup.prom"
    backups.write_text(
        "# TYPE ai_stack_backup_status gauge\nai_stack_backup_status 1\n"
        "# TYPE ai_stack_backup_last_success_timestamp gauge\nai_stack_backup_last_success_timestamp 1760000000\n"
    )
    async with running(create_app(keys)) as working:
        async with api(working, keys.read) as caller:
            await caller("GET", "/fail")
        settings = StatusPageSettings(
            port=0,
            api_keys_file=keys.path,
            services=(
                WatchedService(name="toy", url=working),
                WatchedService(name="gone", url="http://127.0.0.1:9"),
            ),
            links=(Link(title="Grafana", href="/grafana/"),),
            backup_metrics=backups,
            sample_interval=0.2,
        )
        async with running(create_status_page(settings)) as base:
            yield base, working


@asynccontextmanager
async def opened(
    browser: Browser, url: str, scheme: Scheme = "light", width: int = 1200, complaints: list[str] | None = None
) -> AsyncIterator[Page]:
    context = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = await context.new_page()
    page.set_default_timeout(WAIT)
    if complaints is not None:
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(url)
    try:
        yield page
    finally:
        await context.close()


async def log_in(page: Page, key: str) -> None:
    await page.get_by_label("API key").fill(key)
    await page.get_by_role("button", name="Show the status").click()


async def logged_in(page: Page, key: str) -> None:
    await log_in(page, key)
    await expect(page.get_by_role("heading", name="Services")).to_be_visible(timeout=WAIT)


async def test_the_page_shows_what_works_and_what_does_not(browser: Browser, keys: Keys, tmp_path: Path) -> None:
    complaints: list[str] = []
    async with status_page(keys, tmp_path) as (url, _), opened(browser, url, complaints=complaints) as page:
        await logged_in(page, keys.admin)
        await expect(page.get_by_role("status")).to_have_text("not serving: gone", timeout=WAIT)
        working = page.get_by_role("article").filter(has=page.get_by_role("heading", name="toy"))
        await expect(working).to_contain_text("healthy")
        await expect(working).to_contain_text("Queue tokens12", timeout=WAIT)
        await expect(working).to_contain_text("all closed")
        await expect(page.get_by_role("article").filter(has_text="gone")).to_contain_text("no connection")
        errors = page.get_by_role("region", name="Last errors")
        # as text: nothing that a service says becomes part of the page
        await expect(errors).to_contain_text("<img src=x onerror=alert(1)> is away")
        assert await page.locator("img").count() == 0
        await expect(page.get_by_role("link", name="Grafana")).to_have_attribute("href", "/grafana/")
        await expect(page.get_by_role("article").filter(has_text="Backup: ai stack")).to_contain_text("made")
    assert complaints == []


async def test_the_page_follows_what_happens(browser: Browser, keys: Keys, tmp_path: Path) -> None:
    async with status_page(keys, tmp_path) as (url, working), opened(browser, url) as page:
        await logged_in(page, keys.admin)
        rows = page.get_by_role("region", name="Last errors").get_by_role("row")
        await expect(rows).to_have_count(2, timeout=WAIT)
        async with api(working, keys.read) as caller:
            failed = await caller("GET", "/fail")
        await expect(rows).to_have_count(3, timeout=WAIT)
        await expect(rows.nth(1)).to_contain_text(failed.json["error_id"])


@pytest.mark.parametrize("scope", ["read", "write"])
async def test_a_key_without_the_scope_shows_nothing_and_is_forgotten(
    browser: Browser, keys: Keys, tmp_path: Path, scope: str
) -> None:
    async with status_page(keys, tmp_path) as (url, _), opened(browser, url) as page:
        await log_in(page, getattr(keys, scope))
        await expect(page.get_by_role("alert").filter(has_text="This key is refused")).to_be_visible(timeout=WAIT)
        await expect(page.get_by_role("heading", name="Services")).to_be_hidden()
        assert await page.evaluate("sessionStorage.length") == 0
        assert await page.evaluate("document.cookie + location.search + location.hash") == ""


async def test_the_key_outlives_a_reload_and_is_forgotten_on_demand(
    browser: Browser, keys: Keys, tmp_path: Path
) -> None:
    async with status_page(keys, tmp_path) as (url, _), opened(browser, url) as page:
        await logged_in(page, keys.admin)
        await page.reload()
        await expect(page.get_by_role("heading", name="Services")).to_be_visible(timeout=WAIT)
        await page.get_by_role("button", name="Forget the key").click()
        await expect(page.get_by_label("API key")).to_be_focused()
        assert await page.evaluate("sessionStorage.length") == 0


async def test_a_reader_at_the_keyboard_keeps_his_place(browser: Browser, keys: Keys, tmp_path: Path) -> None:
    async with status_page(keys, tmp_path) as (url, _), opened(browser, url) as page:
        await logged_in(page, keys.admin)
        button = page.get_by_role("button", name="Interface of toy")
        await button.focus()
        before = await page.locator("#when").text_content()
        await expect(page.locator("#when")).not_to_have_text(before or "", timeout=WAIT)
        await expect(button).to_be_focused()


async def test_when_the_server_goes_away_the_page_says_that_it_is_old(
    browser: Browser, keys: Keys, tmp_path: Path
) -> None:
    async with status_page(keys, tmp_path) as (url, _), opened(browser, url) as page:
        await logged_in(page, keys.admin)
        await page.route("**/status.json", lambda route: route.abort())
        await expect(page.get_by_role("alert").filter(has_text="What stands below is older")).to_be_visible(
            timeout=WAIT
        )
        await expect(page.get_by_role("heading", name="toy")).to_be_visible()
        await page.unroute("**/status.json")
        await expect(page.get_by_role("status")).to_have_text("not serving: gone", timeout=WAIT)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
async def test_the_page_is_accessible(browser: Browser, keys: Keys, tmp_path: Path, scheme: Scheme, width: int) -> None:
    """axe-core: contrast, labels, landmarks, names (WCAG 2.1 A and AA)."""
    async with status_page(keys, tmp_path) as (url, _), opened(browser, url, scheme, width) as page:
        assert await violations(page) == []
        await logged_in(page, keys.admin)
        await expect(page.get_by_role("region", name="Last errors")).to_be_visible(timeout=WAIT)
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "wider than the screen"


async def violations(page: Page) -> list[dict[str, Any]]:
    found = await Axe().run(page)
    return [
        {"rule": violation["id"], "where": [node["html"] for node in violation["nodes"]]}
        for violation in found.response["violations"]
    ]
