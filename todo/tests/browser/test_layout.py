"""Nothing jumps while the page starts, and it can be installed."""

import pytest
from browser.service import Service
from browser.todo_page import TodoPage
from httpx2 import AsyncClient
from playwright.async_api import Page, expect

SHIFTS = """
new Promise((done) => {
  const seen = [];
  new PerformanceObserver((list) => seen.push(...list.getEntries()))
    .observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => setTimeout(() => done(seen.map((shift) => shift.value))));
})
"""


@pytest.mark.offline
async def test_nothing_jumps(page: Page, todo: TodoPage) -> None:
    assert await page.evaluate(SHIFTS) == []
    await todo.add("One", "Two " * 40, "Three")
    for _ in range(2):
        await page.reload()
        await expect(todo.tasks).to_have_count(3)
        assert await page.evaluate(SHIFTS) == []


async def test_the_list_stays_where_it_is_while_a_task_is_typed(todo: TodoPage) -> None:
    await todo.add("One", "Two", "Three", "Four", "Five")
    fourth = todo.row("Four")
    before = await fourth.bounding_box()

    await todo.new.click()
    assert await fourth.bounding_box() == before
    # The form closes when the button goes down; the row must be there still when it goes up.
    await fourth.locator(".open").click()

    await expect(todo.page.locator(".editor .title")).to_have_value("Four")


@pytest.mark.offline
async def test_it_can_be_installed(page: Page, service: Service, api: AsyncClient) -> None:
    chromium = await page.context.new_cdp_session(page)
    found = await chromium.send("Page.getAppManifest")
    assert found["url"] == f"{service.address}/manifest.webmanifest"
    assert found["errors"] == []
    found = await chromium.send("Page.getInstallabilityErrors")
    # A browser of a test keeps nothing.
    errors = {error["errorId"] for error in found["installabilityErrors"]}
    assert errors == {"in-incognito"}
    for size in (192, 512):
        icon = await api.get(f"/client/icon-{size}.png")
        assert int.from_bytes(icon.content[16:20]) == int.from_bytes(icon.content[20:24]) == size
