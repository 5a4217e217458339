"""What is being typed is not disturbed, and not lost."""

from browser.findings import Findings
from browser.service import Service
from browser.todo_page import TodoPage, create, listed
from browser.visitors import Visitors
from httpx2 import AsyncClient
from playwright.async_api import expect
from staged import StagedAccount


async def test_a_new_task_is_still_there_after_a_reload(todo: TodoPage) -> None:
    form = todo.page.get_by_role("form", name="Add a task")
    await todo.new.fill("Half a ti")
    await form.get_by_label("Notes").fill("and half a note")
    await form.get_by_label("Urgent").check()
    await todo.page.reload()

    await expect(todo.new).to_have_value("Half a ti")
    await expect(form.get_by_label("Notes")).to_have_value("and half a note")
    await expect(form.get_by_label("Urgent")).to_be_checked()


async def test_a_change_is_still_there_after_a_reload(
    todo: TodoPage, api: AsyncClient, person: StagedAccount
) -> None:
    await todo.add("Buy milk")
    form = await todo.open("Buy milk")
    await form.get_by_label("Title").fill("Buy oat mi")
    await todo.page.reload()

    await expect(form.get_by_label("Title")).to_have_value("Buy oat mi")
    await expect(form.get_by_label("Title")).to_be_focused()
    await form.get_by_label("Title").press_sequentially("lk")
    await form.get_by_label("Title").press("Enter")
    await todo.saved()
    assert [task["title"] for task in await listed(api, person)] == ["Buy oat milk"]


async def test_another_device_takes_no_focus_and_no_letter(
    todo: TodoPage, visitors: Visitors, service: Service, person: StagedAccount
) -> None:
    await todo.add("Buy milk")
    form = await todo.open("Buy milk")
    title = form.get_by_label("Title")
    await title.fill("Buy oat")
    await title.press("ArrowLeft")

    other = TodoPage(await visitors.come(service.address))
    await other.log_in(person)
    await other.add("From the phone")
    changed = await other.open("Buy milk")
    await changed.get_by_label("High").check()
    await changed.get_by_role("button", name="Save").click()
    await other.saved()
    await todo.page.evaluate("dispatchEvent(new Event('focus'))")
    await expect(todo.row("From the phone")).to_have_count(1)

    await expect(title).to_be_focused()
    await expect(title).to_have_value("Buy oat")
    await title.press_sequentially("s")
    await title.press("Enter")
    await todo.saved()
    await expect(todo.row("Buy oast").locator(".pressing")).to_have_text("High")


async def test_both_versions_are_shown_when_both_changed_the_title(
    todo: TodoPage, api: AsyncClient, person: StagedAccount, findings: Findings
) -> None:
    findings.expect("status of 412")
    await create(api, person, {"title": "Elsewhere"})
    await todo.add("Buy milk", "Buy bread")
    tasks = {task["title"]: task["id"] for task in await listed(api, person)}
    for mine, choice in (("Buy milk", "Keep yours"), ("Buy bread", "Keep theirs")):
        form = await todo.open(mine)
        await form.get_by_label("Title").fill(f"{mine} here")
        path = f"/api/me/tasks/{tasks[mine]}"
        await api.patch(path, json={"title": f"{mine} there"}, headers=person.headers)
        await form.get_by_role("button", name="Save").click()
        await todo.page.get_by_role("button", name="Look").click()
        dialog = todo.page.get_by_role("dialog", name="Changes to look at")
        await expect(dialog).to_contain_text(f"{mine} here")
        await expect(dialog).to_contain_text(f"{mine} there")
        await dialog.get_by_role("button", name=choice).click()
        await expect(dialog).to_have_count(0)
        await todo.saved()
    assert [task["title"] for task in await listed(api, person)] == [
        "Elsewhere",
        "Buy milk here",
        "Buy bread there",
    ]


async def test_what_the_server_refuses_can_be_edited_again(
    todo: TodoPage, api: AsyncClient, person: StagedAccount, findings: Findings
) -> None:
    findings.expect("status of 422")
    form = todo.page.get_by_role("form", name="Add a task")
    await todo.new.fill("Too many tags")
    for number in range(21):
        await form.get_by_label("Add a tag").fill(f"tag {number}")
        await form.get_by_label("Add a tag").press("Enter")
    await form.get_by_role("button", name="Add", exact=True).click()
    look = todo.page.get_by_role("button", name="Look")
    await look.click()
    dialog = todo.page.get_by_role("dialog", name="Changes to look at")
    await expect(dialog).to_contain_text("at most 20")
    await todo.page.keyboard.press("Escape")
    await todo.new.fill("Typed meanwhile")
    await look.click()
    await dialog.get_by_role("button", name="Edit again").click()
    await expect(todo.new).to_have_value("Too many tags")
    await expect(todo.new).to_be_focused()
    await form.get_by_role("button", name="Take off the tag tag 20").click()
    await form.get_by_role("button", name="Add", exact=True).click()
    await expect(look).to_have_count(0)
    await todo.saved()
    titles = [task["title"] for task in await listed(api, person)]
    assert titles == ["Typed meanwhile", "Too many tags"]


async def test_a_draft_of_another_form_is_used_as_far_as_it_fits(todo: TodoPage) -> None:
    await todo.add("Buy milk")
    task_id = await todo.row("Buy milk").get_attribute("data-id")
    half = {"title": "Half a ti", "day": 7, "priority": "someday", "tags": [None], "mood": "good"}
    for drafts in (
        {"new-task": half, "editing": {"id": task_id, "draft": half}, "view": {"sort": "mood"}},
        {"new-task": {"mood": "good"}, "editing": {"mood": "good"}, "view": {"query": 7}},
        {"new-task": "Half a ti", "editing": [7], "view": "by mood"},
    ):
        await todo.page.evaluate(KEEP, drafts)
        await todo.page.reload()
        await expect(todo.tasks).to_have_count(1)
        if drafts["new-task"] == half:
            await expect(todo.new).to_have_value("Half a ti")
            form = todo.page.locator(".editor")
            await expect(form.get_by_label("Title")).to_have_value("Half a ti")
            await expect(form.get_by_label("Medium")).to_be_checked()


KEEP = """async (drafts) => {
  const { write } = await clientModule("drafts");
  await Promise.all(Object.entries(drafts).map(([name, fields]) => write(name, fields)));
}"""
