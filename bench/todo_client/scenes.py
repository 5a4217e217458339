"""What is counted: the first visit, the first load with a login, and what a person does then."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import httpx2
from playwright.async_api import Browser, Page, expect

from bench.todo_client.meter import Counts, Meter

TASKS = 2000
WIDTH, HEIGHT = 1280, 800
STEP = 1200
"""Pixels of one turn of the wheel: no further than what is drawn reaches below the window."""

FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


async def fill(client: httpx2.AsyncClient, token: str) -> None:
    """Give somebody `TASKS` tasks; the title of every seventh has more lines than the others.

    Args:
        client: Of the service.
        token: Their access token.
    """
    headers = {"Authorization": f"Bearer {token}"}
    tasks = [
        {
            "title": f"Task {number:04}" + (" and more of it" * 12 if number % 7 == 0 else ""),
            "tags": [],
        }
        for number in range(TASKS)
    ]
    document = (await client.get("/api/me/export", headers=headers)).raise_for_status().json()
    response = await client.post(
        "/api/me/import", json={**document, "tasks": tasks}, headers=headers
    )
    response.raise_for_status()


@dataclass(frozen=True, slots=True)
class Scenes:
    """What was counted.

    Attributes:
        loads: By what was loaded.
        interactions: By what was done, with all tasks in the page.
        first_paint: Milliseconds to it at the first visit, on this machine.
    """

    loads: Mapping[str, Counts]
    interactions: Mapping[str, Counts]
    first_paint: float


async def play(browser: Browser, address: str, *, email: str, password: str) -> Scenes:
    """Visit the client for the first time, log in, and use it.

    The service worker is left out: it asks for the same files again.

    Args:
        browser: The Chromium that does it, in a context of its own.
        address: The origin of the service.
        email: Of somebody with what `fill` gives.
        password: Theirs.
    """
    context = await browser.new_context(
        base_url=address,
        viewport={"width": WIDTH, "height": HEIGHT},
        locale="en-US",
        service_workers="block",
    )
    try:
        page = await context.new_page()
        meter = await Meter.of(page)
        loads = {"The page, before a login": await meter.count(_visit(page), loads=True)}
        first_paint = float(await page.evaluate(FIRST_PAINT))
        entering = _log_in(page, email, password)
        loads[f"A login, with {TASKS:,} tasks"] = await meter.count(entering, loads=True)
        loads["The page again, with them"] = await meter.count(_come_again(page), loads=True)
        interactions = {name: await meter.count(do(page)) for name, do in INTERACTIONS.items()}
    finally:
        await context.close()
    return Scenes(loads, interactions, first_paint)


async def _visit(page: Page) -> None:
    await page.goto("/", wait_until="networkidle")
    await expect(page.get_by_label("E-mail address")).to_be_visible()


async def _log_in(page: Page, email: str, password: str) -> None:
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Log in").click()
    await _has_everything(page)


async def _come_again(page: Page) -> None:
    await page.reload(wait_until="networkidle")
    await _has_everything(page)


async def _has_everything(page: Page) -> None:
    await expect(page.locator(".row").first).to_have_attribute("aria-setsize", str(TASKS))


async def _add(page: Page) -> None:
    field = page.locator("#new-task")
    await field.fill("One more")
    await field.press("Enter")
    await field.press("Escape")
    await _saved(page)


async def _complete(page: Page) -> None:
    await page.locator(".row .check").nth(2).click()
    await _saved(page)


async def _saved(page: Page) -> None:
    await expect(page.get_by_text("Everything is saved")).to_have_count(1)


async def _search(page: Page) -> None:
    await page.get_by_role("searchbox").fill("0042")
    await expect(page.locator(".row")).to_have_count(1)


async def _clear_search(page: Page) -> None:
    await page.get_by_role("searchbox").fill("")
    await _has_everything(page)


async def _edit(page: Page) -> None:
    await page.locator(".row .open").nth(3).click()
    await expect(page.locator(".editor .title")).to_be_focused()


async def _cancel(page: Page) -> None:
    await page.keyboard.press("Escape")
    await expect(page.locator(".editor")).to_have_count(0)


async def _scroll(page: Page) -> None:
    """Turn the wheel until the last task is there."""
    await page.mouse.move(WIDTH / 2, HEIGHT / 2)
    last = page.locator(f".row[aria-posinset='{TASKS}']")
    while not await last.count():
        before = await page.evaluate("scrollY")
        await page.mouse.wheel(0, STEP)
        await page.wait_for_function("(before) => scrollY !== before", arg=before)


INTERACTIONS: Mapping[str, Callable[[Page], Awaitable[None]]] = {
    "Add a task": _add,
    "Complete one": _complete,
    "Search": _search,
    "End the search": _clear_search,
    "Open the editor": _edit,
    "Cancel it": _cancel,
    f"Scroll through {TASKS:,}": _scroll,
}
