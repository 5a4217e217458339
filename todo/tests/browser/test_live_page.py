"""The live page `/db` of a Todo API that runs, in a browser."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import chdir

import pytest
import pytest_asyncio
from browser.accessibility import assert_accessible
from browser.findings import Findings
from browser.live_page import LivePage, locked
from browser.service import Service
from browser.visitors import SECONDS, Visitors
from httpx2 import AsyncClient
from playwright.async_api import expect
from staged import make_account
from task_api import TaskAPI

from tests.staging.databases import Databases
from wellhead.fastapi.live.page import POLICY

LIMIT = 2
LEAK = 1
ROUTE = "PATCH /api/{user_id}/tasks/{task_id}"
LINE = re.compile(r"^settled \(database\.py:\d+\)$")
"""Where a task is changed."""
GONE = ("net::ERR_", "status of 50.")
"""What Chromium says of a server that is away."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database_url(databases: Databases) -> AsyncIterator[str]:
    url = databases.create()
    yield url
    databases.drop(url)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def live_service(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """A Todo API with the page, and few connections."""
    service = Service(
        database_url,
        DATABASE_LIVE_PAGE="true",
        DATABASE_POOL_SIZE=str(LIMIT),
        DATABASE_MAX_OVERFLOW="0",
        DATABASE_POOL_LEAK_THRESHOLD=str(LEAK),
    )
    with chdir(tmp_path_factory.mktemp("live")):
        await service.start()
    yield service
    await service.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def live(visitors: Visitors, live_service: Service) -> LivePage:
    """The page, live, in a browser of its own."""
    return await LivePage.of(await visitors.come(live_service.address, "/db"))


@pytest_asyncio.fixture(loop_scope="session")
async def tasks(live_service: Service) -> AsyncIterator[TaskAPI]:
    """A program that uses the service meanwhile."""
    async with AsyncClient(base_url=live_service.address, timeout=SECONDS) as client:
        yield TaskAPI(client, await make_account(client))


async def test_it_follows_the_load(live: LivePage, tasks: TaskAPI) -> None:
    before = await live.count("acquired")
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(tasks.task(f"Task {number}"))
    await live.statement("INSERT INTO tasks")
    await live.until_further(1)

    assert await live.count("acquired") >= before + 20
    rows = live.page.locator("#connections-rows tr")
    newest = await live.page.evaluate(
        """() => [["active", "idle", "opening", "waiting", "limit"].map(
          (name) => document.querySelector(`#uses [data-is=${name}]`).textContent
        ).join(), [...document.querySelector("#connections-rows tr").cells].slice(1).map(
          (cell) => cell.textContent
        ).join()]"""
    )
    assert newest[0] == newest[1]
    assert newest[0].endswith(f",{LIMIT}")
    # The plot has as many steps as the table has rows.
    drawn = await live.page.locator("path.area.active").get_attribute("d")
    assert drawn is not None
    assert drawn.count("V") >= await rows.count() > 1
    await expect(live.page.locator("#hold [data-is=hold_p99]")).to_contain_text("s")


async def test_a_leak_appears_by_name(live: LivePage, tasks: TaskAPI, database_url: str) -> None:
    task = await tasks.task()
    async with asyncio.TaskGroup() as group, locked(database_url, [task]):
        group.create_task(tasks.send("PATCH", f"/tasks/{task['id']}", json={"title": "New"}))
        holder = live.holders.filter(has_text=ROUTE)
        await expect(holder).to_be_visible()
        # The application's line, not one of a library.
        await expect(holder.locator(".line")).to_have_text(LINE)
        await expect(holder).to_contain_text("since")
        await expect(live.notices).to_contain_text(
            f"{ROUTE} holds a connection for more than {LEAK} s"
        )
        await expect(holder).to_have_class("leak")

    await expect(live.page.get_by_text("No connection is held.")).to_be_visible()
    await expect(live.page.get_by_text("Nothing needs attention.")).to_be_visible()


async def test_saturation_is_seen(live: LivePage, tasks: TaskAPI, database_url: str) -> None:
    several = [await tasks.task() for _ in range(LIMIT + 1)]
    async with asyncio.TaskGroup() as group, locked(database_url, several):
        for task in several:
            path = f"/tasks/{task['id']}"
            group.create_task(tasks.send("PATCH", path, json={"title": "New"}))
        saturated = live.notices.filter(has_text="Saturated")
        await expect(saturated).to_contain_text(f"all {LIMIT} connections are in use")
        await expect(live.figure("active")).to_have_text(str(LIMIT))
        await expect(live.figure("waiting")).to_have_text("1")
        await expect(live.holders).to_have_count(LIMIT)

    await expect(live.figure("waiting")).to_have_text("0")
    await expect(saturated).to_have_count(0)


async def test_a_statement_is_shown_in_full_with_its_plan(live: LivePage, tasks: TaskAPI) -> None:
    await tasks.task()
    row = await live.statement("INSERT INTO tasks")
    await row.get_by_role("button", name="Open").press("Enter")
    dialog = live.page.get_by_role("dialog", name="Statement")
    await dialog.get_by_role("button", name="Explain").press("Enter")

    await expect(dialog.get_by_role("region", name="Plan")).to_contain_text("Insert on tasks")
    await assert_accessible(live.page)
    await live.page.keyboard.press("Escape")
    await expect(row.get_by_role("button", name="Open")).to_be_focused()


async def test_it_takes_no_connection(live: LivePage) -> None:
    before = await live.count("acquired")
    await live.until_further(4)

    assert await live.count("acquired") == before
    await expect(live.figure("active")).to_have_text("0")


async def test_it_comes_back_after_a_restart(
    live: LivePage, live_service: Service, findings: Findings
) -> None:
    findings.expect(*GONE)
    rows = live.page.locator("#connections-rows tr")
    before = await rows.last.get_attribute("data-key")
    await live_service.stop()
    await expect(live.state).to_have_text("Waiting for the server; it is tried again")
    await live_service.start()

    await expect(live.state).to_have_text("Live")
    await live.until_further(2)
    # What was before is there still, and the plot has a gap in between.
    assert await rows.last.get_attribute("data-key") == before
    await expect(live.page.locator("#figures")).not_to_have_class("stale")


async def test_a_page_that_nobody_looks_at_asks_for_nothing(live: LivePage) -> None:
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    async with live.page.expect_event("requestfailed") as ended:
        await live.page.evaluate(hide, arg=True)
    assert (await ended.value).url.endswith("/db/events")
    async with live.page.expect_request("**/db/events"):
        await live.page.evaluate(hide, arg=False)
    await live.until_further(1)

    async with live.page.expect_event("requestfailed"):
        await live.page.keyboard.press("p")
    await expect(live.state).to_have_text("Paused")
    await live.page.get_by_role("button", name="Resume").click()
    await expect(live.state).to_have_text("Live")


async def test_reading_is_not_disturbed(live: LivePage, tasks: TaskAPI) -> None:
    await tasks.task()
    row = await live.statement("INSERT INTO tasks")
    await row.locator(".shape").select_text()
    selected = await live.page.evaluate("String(getSelection())")
    button = row.get_by_role("button")
    await button.focus()
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(tasks.titles())
    await live.until_further(2)

    assert "INSERT INTO tasks" in selected
    assert await live.page.evaluate("String(getSelection())") == selected
    await expect(button).to_be_focused()


@pytest.mark.parametrize(("color_scheme", "width"), [("light", 1280), ("dark", 360)])
async def test_it_is_accessible_and_nothing_sticks_out(
    visitors: Visitors, live_service: Service, color_scheme: str, width: int
) -> None:
    size = {"width": width, "height": 800}
    page = await visitors.come(
        live_service.address, "/db", color_scheme=color_scheme, viewport=size
    )
    live = await LivePage.of(page)
    await assert_accessible(page)
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await assert_accessible(page)

    assert await page.evaluate("document.documentElement.scrollWidth") == width
    await expect(live.state).to_have_text("Live")


async def test_nothing_but_its_own_files_is_loaded(live: LivePage, live_service: Service) -> None:
    sent: list[str] = []
    live.page.on("request", lambda request: sent.append(request.url))
    response = await live.page.reload()
    await expect(live.state).to_have_text("Live")

    assert response is not None
    assert response.headers["content-security-policy"] == POLICY
    # The fixture `visitors` fails the test for anything that the policy has blocked.
    own = f"{live_service.address}/db"
    assert {each.startswith((own, "data:")) for each in sent} == {True}
