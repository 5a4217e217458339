"""Everything without a mouse."""

from browser.todo_page import TodoPage, listed
from httpx2 import AsyncClient
from playwright.async_api import expect
from staged import StagedAccount


async def test_a_day_without_a_mouse(
    todo: TodoPage, api: AsyncClient, person: StagedAccount
) -> None:
    keys = todo.page.keyboard
    await keys.press("n")
    for title in ("One", "Two", "Three"):
        await keys.type(title)
        await keys.press("Enter")
    await keys.press("Escape")
    await todo.expect_titles(["One", "Two", "Three"])

    await keys.press("Home")
    assert await todo.focused() == "One"
    await keys.press("j")
    await keys.press("e")
    await keys.type(" and a half")
    await keys.press("Control+Enter")
    await todo.expect_titles(["One", "Two and a half", "Three"])
    assert await todo.focused() == "Two and a half"

    await keys.press("1")
    await expect(todo.row("Two").locator(".pressing")).to_have_text("Urgent")
    await keys.press("Alt+ArrowUp")
    await todo.expect_titles(["Two and a half", "One", "Three"])
    assert await todo.focused() == "Two and a half"

    await keys.press("Space")
    await todo.expect_titles(["One", "Three"])
    assert await todo.focused() == "One"
    await keys.press("ArrowDown")
    await keys.press("Delete")
    await todo.expect_titles(["One"])
    assert await todo.focused() == "One"
    await keys.press("Control+z")
    await todo.expect_titles(["One", "Three"])
    await todo.saved()
    assert [task["title"] for task in await listed(api, person)] == [
        "Two and a half",
        "One",
        "Three",
    ]


async def test_several_are_selected_with_shift(todo: TodoPage) -> None:
    keys = todo.page.keyboard
    await todo.add("One", "Two", "Three", "Four")
    await keys.press("Home")
    await keys.press("Shift+ArrowDown")
    await keys.press("Shift+ArrowDown")
    bar = todo.page.get_by_role("region", name="Select")
    await expect(bar).to_contain_text("3 selected")
    await keys.press("ArrowUp")
    await keys.press("x")
    await expect(bar).to_contain_text("2 selected")
    await keys.press("c")
    await todo.expect_titles(["Two", "Four"])
    await keys.press("z")
    await keys.press("Control+a")
    await expect(bar).to_contain_text("4 selected")
    await keys.press("Escape")
    await expect(bar).to_have_count(0)


async def test_keys_lead_to_views_search_and_help(todo: TodoPage) -> None:
    keys = todo.page.keyboard
    await todo.add("Buy milk", "Buy bread")
    await keys.press("g")
    await keys.press("t")
    await expect(todo.page.get_by_role("heading", level=1)).to_have_text("Today")
    await keys.press("g")
    await keys.press("a")
    await expect(todo.page.get_by_role("heading", level=1)).to_have_text("Tasks")
    await keys.press("/")
    await keys.type("bread")
    await keys.press("Enter")
    await todo.expect_titles(["Buy bread"])
    assert await todo.focused() == "Buy bread"

    await keys.press("?")
    dialog = todo.page.get_by_role("dialog", name="Keyboard and help")
    await dialog.get_by_label("Letters alone are shortcuts").focus()
    await keys.press("Space")
    await keys.press("Escape")
    await expect(dialog).to_have_count(0)
    assert await todo.focused() == "Buy bread"
    await keys.press("c")
    await keys.press("?")
    await keys.press("Enter")
    await expect(todo.page.locator(".editor")).to_be_visible()
    await expect(dialog).to_have_count(0)


async def test_a_reader_hears_what_happens(todo: TodoPage) -> None:
    said = todo.page.locator("[aria-live=polite]")
    await todo.add("Buy milk", "Buy bread")
    await expect(said).to_have_text("Added “Buy bread”")
    await todo.page.keyboard.press("Home")
    await todo.page.keyboard.press("Alt+ArrowDown")
    await expect(said).to_have_text("Moved to place 2 of 2")
    row = todo.row("Buy milk")
    await expect(row).to_have_attribute("aria-posinset", "2")
    await expect(row).to_have_attribute("aria-setsize", "2")
    await expect(row.get_by_role("checkbox", name="Complete: Buy milk")).not_to_be_checked()
    await todo.page.keyboard.press("Space")
    await expect(said).to_have_text("Completed “Buy milk”")
