"""The order made by hand, in each of the ways."""

from browser.service import Service
from browser.todo_page import TodoPage, listed
from browser.visitors import Visitors
from httpx2 import AsyncClient
from playwright.async_api import Locator, expect
from staged import StagedAccount

TASKS = ("One", "Two", "Three", "Four")


async def middle(locator: Locator) -> tuple[float, float]:
    """Where it is on the screen."""
    box = await locator.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def assert_stored(api: AsyncClient, person: StagedAccount, *titles: str) -> None:
    """The server has them in this order."""
    assert tuple(task["title"] for task in await listed(api, person)) == titles


async def test_with_a_mouse(todo: TodoPage, api: AsyncClient, person: StagedAccount) -> None:
    await todo.add(*TASKS)
    mouse = todo.page.mouse
    await mouse.move(*await middle(todo.row("One").locator(".grip")))
    await mouse.down()
    x, y = await middle(todo.row("Three"))
    await mouse.move(x, y - 10, steps=5)
    async with todo.page.expect_response("**/position"):
        await mouse.up()
    await todo.expect_titles(["Two", "Three", "One", "Four"])
    await assert_stored(api, person, "Two", "Three", "One", "Four")
    assert await todo.page.locator(".editor").count() == 0


async def test_escape_puts_it_back(todo: TodoPage, api: AsyncClient, person: StagedAccount) -> None:
    await todo.add(*TASKS)
    mouse = todo.page.mouse
    await mouse.move(*await middle(todo.row("Four").locator(".grip")))
    await mouse.down()
    await mouse.move(*await middle(todo.row("One")), steps=5)
    await expect(todo.page.locator(".carried")).to_contain_text("Four")
    await todo.page.keyboard.press("Escape")
    await expect(todo.page.locator(".carried")).to_have_count(0)
    await mouse.up()
    await todo.saved()
    await assert_stored(api, person, *TASKS)


async def test_with_a_finger(
    visitors: Visitors, service: Service, api: AsyncClient, person: StagedAccount
) -> None:
    viewport = {"width": 390, "height": 780}
    page = await visitors.come(service.address, viewport=viewport, has_touch=True, is_mobile=True)
    todo = TodoPage(page)
    await todo.log_in(person)
    await todo.add(*TASKS)
    x, start = await middle(todo.row("Four").locator(".grip"))
    _, end = await middle(todo.row("One"))
    chromium = await todo.page.context.new_cdp_session(todo.page)

    async def touch(kind: str, *points: dict[str, float]) -> None:
        await chromium.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    await touch("touchStart", {"x": x, "y": start})
    for step in range(1, 6):
        await touch("touchMove", {"x": x, "y": start + (end - 8 - start) * step / 5})
    async with todo.page.expect_response("**/position"):
        await touch("touchEnd")
    await assert_stored(api, person, "Four", "One", "Two", "Three")


async def test_with_buttons_and_keys(
    todo: TodoPage, api: AsyncClient, person: StagedAccount
) -> None:
    await todo.add(*TASKS)
    form = await todo.open("Two")
    await form.get_by_role("button", name="Move down").click()
    await form.get_by_role("button", name="Cancel").click()
    await todo.expect_titles(["One", "Three", "Two", "Four"])
    await todo.page.keyboard.press("End")
    await todo.page.keyboard.press("Alt+ArrowUp")
    await todo.page.keyboard.press("Alt+ArrowUp")
    await todo.expect_titles(["One", "Four", "Three", "Two"])
    await todo.saved()
    await assert_stored(api, person, "One", "Four", "Three", "Two")
