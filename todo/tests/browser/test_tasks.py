"""Everything that a person does with tasks, with a mouse."""

import re
from datetime import UTC, datetime, timedelta

from browser.todo_page import TodoPage, create, listed
from httpx2 import AsyncClient
from playwright.async_api import Page, Request, expect
from staged import StagedAccount


async def test_a_task_is_typed_with_everything(
    todo: TodoPage, api: AsyncClient, person: StagedAccount
) -> None:
    await todo.new.fill("Bake a cake")
    form = todo.page.get_by_role("form", name="Add a task")
    await form.get_by_label("Notes").fill("Lemon")
    await form.get_by_label("High").check()
    await form.get_by_role("button", name="Tomorrow").click()
    await form.get_by_label("Time").fill("16:30")
    await form.get_by_label("Add a tag").fill("kitchen")
    await form.get_by_role("button", name="Add", exact=True).click()
    await todo.saved()

    [task] = await listed(api, person)
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    assert (task["title"], task["description"], task["priority"], task["due_date"]) == (
        "Bake a cake",
        "Lemon",
        "high",
        f"{tomorrow}T16:30:00Z",
    )
    await expect(todo.row("Bake a cake").locator(".meta")).to_contain_text("Tomorrow, 4:30 PM")
    await expect(todo.row("Bake a cake").locator(".chip")).to_have_text("kitchen")
    await expect(todo.new).to_have_value("")
    await expect(todo.new).to_be_focused()


async def test_a_task_is_edited_in_its_place(
    todo: TodoPage, api: AsyncClient, person: StagedAccount
) -> None:
    await todo.add("Buy milk", "Buy bread")
    form = await todo.open("Buy milk")
    await expect(form.get_by_label("Title")).to_be_focused()
    await form.get_by_label("Title").fill("Buy oat milk")
    await form.get_by_label("Urgent").check()
    await form.get_by_role("button", name="Today").click()
    await form.get_by_label("Add a tag").fill("shop")
    await form.get_by_label("Add a tag").press("Enter")
    await form.get_by_role("button", name="Save").click()

    await todo.expect_titles(["Buy oat milk", "Buy bread"])
    await expect(form).to_have_count(0)
    await todo.saved()
    [first, _] = await listed(api, person)
    assert (first["title"], first["priority"]) == ("Buy oat milk", "urgent")
    assert first["due_date"] == str(datetime.now(UTC).date())

    form = await todo.open("Buy oat milk")
    await form.get_by_role("button", name="Take off the tag shop").click()
    await form.get_by_role("button", name="No due date").click()
    await form.get_by_role("button", name="Save").click()
    await todo.saved()
    [first, _] = await listed(api, person)
    assert (first["tags"], first["due_date"]) == ([], None)


async def test_cancelled_changes_can_be_brought_back(todo: TodoPage) -> None:
    await todo.add("Buy milk")
    form = await todo.open("Buy milk")
    await form.get_by_label("Title").fill("Buy the cow")
    await form.get_by_role("button", name="Cancel").click()

    await todo.expect_titles(["Buy milk"])
    await todo.toast.get_by_role("button", name="Undo").click()
    await expect(form.get_by_label("Title")).to_have_value("Buy the cow")


async def test_another_task_that_is_opened_saves_the_first(todo: TodoPage) -> None:
    await todo.add("Buy milk", "Buy bread")
    form = await todo.open("Buy milk")
    await form.get_by_label("Title").fill("Buy oat milk")
    await todo.open("Buy bread")

    await expect(form.get_by_label("Title")).to_have_value("Buy bread")
    await todo.expect_titles(["Buy oat milk", ""])


async def test_completing_and_deleting_can_be_undone(
    todo: TodoPage, api: AsyncClient, person: StagedAccount
) -> None:
    await todo.add("Buy milk", "Buy bread")
    await todo.row("Buy milk").get_by_role("checkbox").click()
    await todo.expect_titles(["Buy bread"])
    await expect(todo.toast).to_contain_text("Completed “Buy milk”")
    await todo.toast.get_by_role("button", name="Undo").click()
    await todo.expect_titles(["Buy milk", "Buy bread"])

    await (await todo.open("Buy bread")).get_by_role("button", name="Delete").click()
    await todo.expect_titles(["Buy milk"])
    await expect(todo.toast).to_contain_text("Deleted “Buy bread”")
    await todo.saved()
    await todo.toast.get_by_role("button", name="Undo").click()
    await todo.expect_titles(["Buy milk", "Buy bread"])
    await todo.saved()
    assert [task["completed"] for task in await listed(api, person)] == [False, False]


async def test_completed_tasks_have_their_view(todo: TodoPage) -> None:
    await todo.add("Buy milk", "Buy bread", "Buy tea")
    for title in ("Buy milk", "Buy tea"):
        await todo.row(title).get_by_role("checkbox").click()
    await todo.view("Completed")
    await expect(todo.titles).to_have_count(2)
    await todo.row("Buy tea").get_by_role("checkbox").click()
    await todo.expect_titles(["Buy milk"])
    await todo.page.get_by_role("button", name="Delete all").click()
    await expect(todo.page.get_by_text("What you complete is kept here.")).to_be_visible()
    await todo.view("Tasks")
    await todo.expect_titles(["Buy bread", "Buy tea"])


async def test_many_are_deleted_and_brought_back_by_a_request_each(
    todo: TodoPage, api: AsyncClient, person: StagedAccount
) -> None:
    await todo.add("Buy milk", "Buy bread", "Buy tea")
    await api.post(
        "/api/me/tasks/bulk",
        json={"action": "complete", "filter": {}},
        headers=person.headers,
    )
    await todo.view("Completed")
    await todo.page.evaluate("dispatchEvent(new Event('focus'))")
    await expect(todo.titles).to_have_count(3)
    written: list[str] = []

    def hear(request: Request) -> None:
        if request.method != "GET":
            written.append(request.url.rpartition("/")[2])

    todo.page.on("request", hear)
    await todo.page.get_by_role("button", name="Delete all").click()
    await todo.saved()
    await expect(todo.titles).to_have_count(0)
    assert await listed(api, person) == []
    await todo.toast.get_by_role("button", name="Undo").click()
    await todo.saved()
    await expect(todo.titles).to_have_count(3)

    assert [task["completed"] for task in await listed(api, person)] == [True] * 3
    assert written == ["bulk", "bulk"]


async def test_several_are_completed_and_deleted_at_once(
    todo: TodoPage, api: AsyncClient, person: StagedAccount
) -> None:
    await todo.add("One", "Two", "Three", "Four")
    await todo.page.get_by_role("button", name="Select", exact=True).click()
    await todo.row("One").get_by_label("Select: One").check()
    await todo.row("Three").locator(".open").click(modifiers=["Shift"])
    bar = todo.page.get_by_role("region", name="Select")
    await expect(bar).to_contain_text("3 selected")
    await todo.row("Two").locator(".open").click()
    await expect(bar).to_contain_text("2 selected")
    await bar.get_by_role("button", name="Complete").click()
    await todo.expect_titles(["Two", "Four"])
    await expect(todo.toast).to_contain_text("Completed 2 tasks")
    await todo.toast.get_by_role("button", name="Undo").click()
    await todo.expect_titles(["One", "Two", "Three", "Four"])

    await todo.page.get_by_role("button", name="Select", exact=True).click()
    await bar.get_by_role("button", name="Select all").click()
    await bar.get_by_role("button", name="Delete").click()
    await expect(todo.titles).to_have_count(0)
    await todo.saved()
    assert await listed(api, person) == []
    await todo.toast.get_by_role("button", name="Undo").click()
    await expect(todo.titles).to_have_count(4)
    await todo.saved()
    assert len(await listed(api, person)) == 4


async def test_views_search_filter_and_order(
    page: Page, api: AsyncClient, person: StagedAccount
) -> None:
    today = datetime.now(UTC).date()
    await create(
        api,
        person,
        {"title": "Ärger vermeiden", "priority": "low"},
        {"title": "Bake", "due_date": str(today), "tags": ["kitchen"]},
        {"title": "Call", "due_date": str(today - timedelta(days=1)), "priority": "urgent"},
        {"title": "Drive", "due_date": str(today + timedelta(days=3)), "description": "Old bridge"},
    )
    todo = TodoPage(page)
    await todo.log_in(person)
    await expect(todo.titles).to_have_count(4)

    await todo.view("Today")
    await todo.expect_titles(["Bake", "Call"])
    await expect(todo.row("Call").locator(".due")).to_have_text("Overdue: Yesterday")
    await todo.view("Upcoming")
    await todo.expect_titles(["Drive"])
    await todo.view("No date")
    await todo.expect_titles(["Ärger vermeiden"])
    await todo.view("kitchen")
    await todo.expect_titles(["Bake"])
    await expect(todo.page).to_have_title(re.compile("^kitchen"))
    await todo.page.go_back()
    await todo.expect_titles(["Ärger vermeiden"])
    await todo.view("Tasks")
    counts = todo.page.get_by_role("navigation").locator(".count")
    await expect(counts).to_have_text(["4", "2", "1", "1", "", "1"])

    search = todo.page.get_by_role("searchbox", name="Search")
    await search.press_sequentially("arg")
    await todo.expect_titles(["Ärger vermeiden"])
    await search.fill("BRID")
    await todo.expect_titles(["Drive"])
    await search.fill("nothing like it")
    await expect(todo.page.get_by_text("Nothing found")).to_be_visible()
    await search.press("Escape")
    await expect(todo.titles).to_have_count(4)

    await todo.page.get_by_label("Sort").select_option("Due date")
    await todo.expect_titles(["Call", "Bake", "Drive", "Ärger vermeiden"])
    await todo.page.get_by_label("Sort").select_option("Priority")
    await todo.expect_titles(["Call", "Bake", "Drive", "Ärger vermeiden"])
    await todo.page.get_by_label("Sort").select_option("Title")
    await expect(todo.titles.first).to_have_text("Ärger vermeiden")
    await todo.page.get_by_role("combobox", name="Priority").select_option("Urgent")
    await todo.expect_titles(["Call"])
    await todo.page.reload()
    await todo.expect_titles(["Call"])


async def test_tags_are_made_renamed_coloured_and_deleted(
    todo: TodoPage, api: AsyncClient, person: StagedAccount
) -> None:
    dialog = await todo.dialog("Edit tags")
    await dialog.get_by_label("New tag").fill("shop")
    await dialog.get_by_label("New tag").press("Enter")
    await dialog.get_by_label("Name of shop").fill("market")
    await dialog.get_by_label("Name of shop").press("Enter")
    await dialog.get_by_label("Colour of market").fill("#123456")
    await dialog.get_by_role("button", name="Close").click()
    await todo.view("market")
    await todo.add("Buy milk")
    [task] = await listed(api, person)
    assert [(tag["name"], tag["color"]) for tag in task["tags"]] == [("market", "#123456")]

    dialog = await todo.dialog("Edit tags")
    await dialog.get_by_role("button", name="Delete the tag market").click()
    await expect(todo.row("Buy milk")).to_have_count(0)
    await todo.toast.get_by_role("button", name="Undo").click()
    await todo.saved()
    [task] = await listed(api, person)
    assert [(tag["name"], tag["color"]) for tag in task["tags"]] == [("market", "#123456")]
