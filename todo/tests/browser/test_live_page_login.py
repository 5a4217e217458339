"""The live page in production: with a token, and several workers."""

import json
from collections.abc import AsyncIterator
from contextlib import chdir
from typing import Any

import pytest
import pytest_asyncio
from browser.accessibility import assert_accessible
from browser.findings import Findings
from browser.live_page import LivePage
from browser.service import Service
from browser.visitors import SECONDS, Visitors
from httpx2 import AsyncClient
from playwright.async_api import Route, expect
from staged import make_account

from tests.staging.databases import Databases

TOKEN = "a token of at least 32 characters"
WORKERS = 2
POOL = 3

HOSTILE = """<img src=x onerror="window.attacked = 1"><script>window.attacked = 1</script>'"&amp;"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def guarded_service(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """A Todo API with the page for those who have the token, and two workers."""
    url = databases.create()
    service = Service(
        url,
        workers=WORKERS,
        APP_ENV="production",
        DATABASE_LIVE_PAGE_TOKEN=TOKEN,
        DATABASE_POOL_SIZE=str(POOL),
        DATABASE_MAX_OVERFLOW="0",
    )
    with chdir(tmp_path_factory.mktemp("guarded")):
        await service.start()
    yield service
    await service.stop()
    databases.drop(url)


async def test_a_login_shows_the_workers_sum(
    visitors: Visitors, guarded_service: Service, findings: Findings
) -> None:
    findings.expect("status of 401")
    page = await visitors.come(guarded_service.address, "/db")
    await expect(page.get_by_label("Token")).to_be_focused()
    await expect(page.locator("#figures")).to_be_hidden()
    await assert_accessible(page)
    await page.keyboard.type("another token")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text(
        "This is not the token of this application."
    )
    await page.keyboard.type(TOKEN)
    await page.keyboard.press("Enter")

    live = await LivePage.of(page)
    await expect(page.locator("[data-is=processes]")).to_contain_text(f"{WORKERS} of {WORKERS}: ")
    await expect(live.figure("limit")).to_have_text(str(WORKERS * POOL))
    [cookie] = await page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/db")
    assert TOKEN not in page.url + cookie["value"]
    # It stays logged in, and gets no plans in production.
    await page.reload()
    live = await LivePage.of(page)
    async with AsyncClient(base_url=guarded_service.address, timeout=SECONDS) as client:
        await make_account(client)
    await live.statements.first.get_by_role("button", name="Open").click()
    await expect(page.get_by_role("button", name="Explain")).to_be_hidden()
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_label("Token")).to_be_visible()
    await expect(page.locator("#figures")).to_be_hidden()


async def test_hostile_text_is_text_and_databases_are_chosen(
    visitors: Visitors, guarded_service: Service, findings: Findings
) -> None:
    findings.expect("status of 401")
    page = await visitors.come(guarded_service.address)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    figures = await (await page.request.get("/db/figures", headers=bearer)).json()
    [database] = figures["databases"]
    figures["databases"] = [database, hostile(database)]

    async def play(route: Route) -> None:
        event = f"data: {json.dumps(figures)}\n\n"
        await route.fulfill(content_type="text/event-stream", body=event)

    await page.route("**/db/events", play)
    await page.goto("/db")
    await page.get_by_role("radio", name=HOSTILE).check()

    await expect(page.locator("#holder-rows tr")).to_contain_text(f"{HOSTILE} holds")
    await expect(page.locator("#notices li")).to_contain_text([HOSTILE, HOSTILE])
    await expect(page.locator("#error-rows th")).to_have_text(HOSTILE)
    await page.locator("#statement-rows button").click()
    await expect(page.get_by_role("region", name="Text")).to_have_text(HOSTILE)
    await assert_accessible(page)
    await page.keyboard.press("Escape")
    await page.keyboard.press("1")
    await expect(page.get_by_role("radio", name=database["name"])).to_be_checked()
    await expect(page.locator("#error-rows th").filter(has_text=HOSTILE)).to_have_count(0)
    assert await page.evaluate("window.attacked") is None
    assert await page.locator("main img, main script").count() == 0


def hostile(database: dict[str, Any]) -> dict[str, Any]:
    """A database with hostile text wherever an application may have any."""
    holder = {"process": 1, "what": f"{HOSTILE} holds", "seconds": 3_600.0, "line": HOSTILE}
    statement = {"id": HOSTILE, "shape": HOSTILE, "count": 1, "seconds": 1.0, "mean": 1.0}
    return {
        **database,
        "name": HOSTILE,
        "holders": [holder],
        "statements": [{**statement, "slowest": 1.0}],
        "errors": {HOSTILE: 1},
        "readiness": {"is_ready": False, "state": HOSTILE, "detail": HOSTILE, "age": None},
    }
