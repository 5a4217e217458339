"""A phone: a narrow window and fingers."""

from browser.service import Service
from browser.todo_page import TodoPage
from browser.visitors import Visitors
from playwright.async_api import expect
from staged import StagedAccount

SMALL = """
[...document.querySelectorAll("button, a, select, input:not([type=radio]):not([type=checkbox])")]
  .filter((each) => each.checkVisibility({ checkVisibilityCSS: true }))
  .filter((each) => !each.matches(".skip, .unseen"))
  .map((each) => [each.getBoundingClientRect(), each])
  .filter(([{ width, height }]) => width < 44 || height < 44)
  .map(([{ width, height }, each]) => `${width}x${height} ${each.outerHTML.slice(0, 90)}`)
"""
"""What is too small for a finger."""


async def test_a_day_with_a_finger(
    visitors: Visitors, service: Service, person: StagedAccount
) -> None:
    page = await visitors.come(
        service.address,
        viewport={"width": 390, "height": 700},
        has_touch=True,
        is_mobile=True,
    )
    todo = TodoPage(page)
    assert await page.evaluate(SMALL) == []
    await todo.log_in(person)
    await page.get_by_role("button", name="Add a task").tap()
    await expect(todo.new).to_be_focused()
    await todo.add("One", "Two", "Three")
    await todo.row("Two").get_by_role("checkbox").tap()
    await todo.expect_titles(["One", "Three"])
    await todo.toast.get_by_role("button", name="Undo").tap()
    await todo.expect_titles(["One", "Two", "Three"])
    await todo.row("Two").locator(".open").tap()
    form = page.locator(".editor")
    await form.get_by_label("High").tap()
    await form.get_by_role("button", name="Today").tap()
    assert await page.evaluate(SMALL) == []
    await form.get_by_role("button", name="Save").tap()

    await page.get_by_role("button", name="Menu").tap()
    menu = page.get_by_role("dialog", name="Menu")
    assert await page.evaluate(SMALL) == []
    await menu.get_by_role("link", name="Today").tap()
    await expect(menu).to_have_count(0)
    await todo.expect_titles(["Two"])
    await page.get_by_role("button", name="Select", exact=True).tap()
    await todo.row("Two").locator(".open").tap()
    await page.get_by_role("region", name="Select").get_by_role("button", name="Delete").tap()
    await expect(todo.tasks).to_have_count(0)
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
