"""The account's settings: profile, password, logins, tokens, export and import, the end."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from browser.findings import Findings
from browser.service import Service
from browser.todo_page import TodoPage, create, listed
from browser.visitors import Visitors
from httpx2 import AsyncClient
from playwright.async_api import Locator, Page, expect
from staged import StagedAccount


async def section(page: Page, person: StagedAccount, name: str) -> Locator:
    """Open the account's dialog, and one of its sections."""
    dialog = page.get_by_role("dialog", name="Account")
    if await dialog.count() == 0:
        await page.locator(".foot button").first.click()
    await expect(dialog.get_by_text(person.email)).to_be_visible()
    details = dialog.locator("details").filter(has=page.locator("summary", has_text=name))
    if await details.get_attribute("open") is None:
        await details.locator("summary").click()
    return details


async def test_name_and_password_are_changed(
    todo: TodoPage, person: StagedAccount, findings: Findings
) -> None:
    findings.expect("status of 403")
    page = todo.page
    profile = await section(page, person, "Profile")
    await profile.get_by_label("Name").fill("Grace")
    await profile.get_by_role("button", name="Save").click()
    await expect(profile.get_by_role("status")).to_have_text("Changed.")
    await expect(page.locator(".foot")).to_contain_text("Grace")

    password = await section(page, person, "Password")
    await password.get_by_label("Current password", exact=True).fill("not this one")
    await password.get_by_label("New password", exact=True).fill("another battery staple")
    await password.get_by_role("button", name="Save").click()
    await expect(password.get_by_role("alert")).to_have_text("The password is wrong.")
    await password.get_by_label("Current password", exact=True).fill(person.password)
    await password.get_by_role("button", name="Save").click()
    await expect(password.get_by_role("status")).to_contain_text("Changed.")
    await page.keyboard.press("Escape")
    await todo.add("Still logged in")


async def test_another_login_is_ended_and_comes_back(
    todo: TodoPage, visitors: Visitors, service: Service, person: StagedAccount, findings: Findings
) -> None:
    findings.expect("status of 401")
    other = TodoPage(await visitors.come(service.address))
    await other.log_in(person)
    await other.new.fill("Half a ti")

    logins = await section(todo.page, person, "Logins")
    await expect(logins.get_by_role("listitem").filter(has_text="This one")).to_have_count(1)
    ends = logins.get_by_role("button", name="End the login of")
    for left in reversed(range(await ends.count())):
        await ends.first.click()
        await expect(ends).to_have_count(left)

    # The access token that is still valid has expired by then.
    await other.page.clock.set_fixed_time(datetime.now(UTC) + timedelta(hours=1))
    await other.new.press("Enter")
    await other.page.locator(".notice").get_by_role("button", name="Log in").click()
    dialog = other.page.get_by_role("dialog", name="Log in")
    await expect(dialog.get_by_label("E-mail address")).to_have_value(person.email)
    await dialog.get_by_label("Password", exact=True).fill(person.password)
    await dialog.get_by_role("button", name="Log in").click()
    await expect(dialog).to_have_count(0)
    await other.saved()
    await other.expect_titles(["Half a ti"])


async def test_a_token_is_shown_once_and_revoked(
    todo: TodoPage, api: AsyncClient, person: StagedAccount
) -> None:
    tokens = await section(todo.page, person, "API tokens")
    await tokens.get_by_label("Name of the token").fill("Backup")
    await tokens.get_by_label("It lasts").select_option("a year")
    await tokens.get_by_role("button", name="Create a token").click()
    secret = await tokens.get_by_role("textbox", name="API tokens").input_value()
    headers = {"Authorization": f"Bearer {secret}"}
    assert (await api.get("/api/me/tasks", headers=headers)).status_code == 200

    await tokens.get_by_role("button", name="Revoke Backup").click()
    await expect(tokens.get_by_role("listitem")).to_have_count(0)
    assert (await api.get("/api/me/tasks", headers=headers)).status_code == 401


async def test_everything_is_saved_as_a_file_and_imported(
    todo: TodoPage, api: AsyncClient, person: StagedAccount, tmp_path: Path, findings: Findings
) -> None:
    findings.expect("status of 422")
    await create(api, person, {"title": "Exported"})
    data = await section(todo.page, person, "Export and import")
    async with todo.page.expect_download() as download:
        await data.get_by_role("button", name="Save everything").click()
    await (await download.value).save_as(tmp_path / "todo.json")
    document = json.loads((tmp_path / "todo.json").read_text())
    assert [task["title"] for task in document["tasks"]] == ["Exported"]

    document["tasks"].append({"title": "Imported"})
    file = data.get_by_label("Import a file")
    await file.set_input_files(
        {
            "name": "todo.json",
            "mimeType": "application/json",
            "buffer": json.dumps(document).encode(),
        }
    )
    await expect(data.get_by_role("status")).to_have_text("1 task imported, 1 already here.")
    await file.set_input_files(
        {"name": "x.json", "mimeType": "application/json", "buffer": b"no JSON"}
    )
    await expect(todo.page.get_by_role("dialog").get_by_role("alert").first).not_to_be_empty()
    await todo.page.keyboard.press("Escape")
    await expect(todo.row("Imported")).to_have_count(1)
    assert {task["title"] for task in await listed(api, person)} == {"Exported", "Imported"}


async def test_logging_out_asks_before_it_loses_something(
    todo: TodoPage, person: StagedAccount, findings: Findings
) -> None:
    findings.expect("ERR_INTERNET_DISCONNECTED")
    page = todo.page
    await page.context.set_offline(True)
    await todo.new.fill("Not sent")
    await todo.new.press("Enter")
    await expect(page.locator(".notice")).to_contain_text("1 change is kept here and sent later.")
    await section(page, person, "Profile")
    await page.get_by_role("button", name="Log out").click()
    dialog = page.get_by_role("dialog", name="Log out")
    await expect(dialog).to_contain_text("1 change has not been sent.")
    await dialog.get_by_role("button", name="Cancel").click()
    await page.context.set_offline(False)
    await page.evaluate("dispatchEvent(new Event('online'))")
    await todo.saved()

    await section(page, person, "Profile")
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    assert await page.evaluate("document.body.textContent.includes('Not sent')") is False
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


async def test_the_account_is_deleted(
    todo: TodoPage, api: AsyncClient, person: StagedAccount
) -> None:
    await todo.add("Gone soon")
    deletion = await section(todo.page, person, "Delete the account")
    await deletion.get_by_label("Password", exact=True).fill(person.password)
    await deletion.get_by_role("button", name="Delete the account").click()
    await expect(todo.page.get_by_role("heading", level=1)).to_have_text("Log in")
    form = {"grant_type": "password", "username": person.email, "password": person.password}
    assert (await api.post("/api/auth/login", data=form)).status_code == 401
