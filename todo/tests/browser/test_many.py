"""2,000 tasks: only those near the window are drawn."""

from browser.todo_page import TodoPage
from httpx2 import AsyncClient
from playwright.async_api import Page, expect
from staged import StagedAccount

from bench.todo_client.scenes import TASKS, fill

AT_MOST = 60
"""Rows in the document: a window of 800 pixels, and what is near it."""

FOCUSED_AT = "document.activeElement.getBoundingClientRect().top"

WATCH = """
window.rows = 0;
new MutationObserver(() => {
  window.rows = Math.max(window.rows, document.querySelectorAll(".row").length);
}).observe(document, { childList: true, subtree: true });
"""


async def test_the_list_is_never_drawn_whole(
    page: Page, api: AsyncClient, person: StagedAccount
) -> None:
    await fill(api, person.access_token)
    await page.evaluate(WATCH)
    todo = TodoPage(page)
    await todo.log_in(person)
    await expect(todo.tasks.first).to_have_attribute("aria-setsize", str(TASKS))

    keys = page.keyboard
    await keys.press("Home")
    assert (await todo.focused() or "").startswith("Task 0000")
    await keys.press("End")
    assert await todo.focused() == "Task 1999"
    await expect(todo.row("Task 1999")).to_be_in_viewport()
    # The rows above were never drawn, and some are higher than was guessed.
    end = await page.evaluate(FOCUSED_AT)
    await page.mouse.move(640, 400)
    for turns in (1, 2, 3):
        await page.mouse.wheel(0, -300)
        await page.wait_for_function(
            f"(y) => Math.abs({FOCUSED_AT} - y) < 1", arg=end + turns * 300
        )
    for _ in range(3):
        await keys.press("PageUp")
    assert await todo.focused() == "Task 1969"
    await expect(todo.row("Task 1969")).to_be_in_viewport()

    for share in (0.25, 0.5, 0.75, 0):
        await page.evaluate(f"scrollTo(0, document.documentElement.scrollHeight * {share})")
        await page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        assert await page.evaluate(SEEN), f"a hole at {share}"

    await page.get_by_role("searchbox").fill("0042")
    await expect(todo.tasks).to_have_count(1)
    await page.get_by_role("searchbox").fill("")
    await keys.press("Escape")
    await keys.press("Control+a")
    await expect(page.get_by_role("region", name="Select")).to_contain_text("2000 selected")
    await keys.press("Delete")
    await expect(todo.tasks).to_have_count(0)

    assert 10 < await page.evaluate("window.rows") <= AT_MOST


SEEN = """
[100, 300, 500, 700].every((y) =>
  document.elementsFromPoint(640, y).some((each) => each.closest(".row, .top, .heading, .add")))
"""
"""Whether there is a row at each height of the window."""
