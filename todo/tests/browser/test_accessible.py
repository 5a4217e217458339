"""Each view on a desk and on a phone, light and dark: axe finds nothing, nothing sticks out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from browser.accessibility import assert_accessible
from browser.findings import Findings
from browser.service import Service
from browser.todo_page import TodoPage, create
from browser.visitors import Visitors
from httpx2 import AsyncClient
from playwright.async_api import Page, expect
from staged import StagedAccount

LOOKS: dict[str, dict[str, Any]] = {
    "desk": {},
    "phone": {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True},
}


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Options of a browser; nothing moves, so that axe sees the colours of the end."""
    return {"reduced_motion": "reduce", **LOOKS[request.param]}


async def assert_fine(page: Page) -> None:
    """Fail if axe finds something, in light or in dark, or if the page can be scrolled sideways."""
    for colors in ("light", "dark"):
        await page.emulate_media(color_scheme=colors)
        await assert_accessible(page)
    beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(beyond) == 0


async def test_pages_without_a_login(
    visitors: Visitors, service: Service, findings: Findings, look: dict[str, Any]
) -> None:
    findings.expect("status of 401")
    page = await visitors.come(service.address, **look)
    await assert_fine(page)
    await page.get_by_label("E-mail address").fill("nobody@example.com")
    await page.get_by_label("Password", exact=True).fill("wrong password")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_have_text(
        "The e-mail address or the password is wrong."
    )
    await assert_fine(page)
    for path, heading in (
        ("/#/register", "Create an account"),
        ("/#/forgot", "Forgot your password?"),
        ("/#reset=todo_reset_x", "Choose a new password"),
    ):
        await page.goto(path)
        await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        await assert_fine(page)


async def test_pages_with_tasks(
    visitors: Visitors,
    service: Service,
    api: AsyncClient,
    person: StagedAccount,
    look: dict[str, Any],
) -> None:
    today = datetime.now(UTC).date()
    late = str(today - timedelta(days=1))
    await create(
        api,
        person,
        {"title": "Late", "due_date": late, "priority": "urgent", "tags": ["work"]},
        {"title": "High", "description": "Notes", "priority": "high", "due_date": str(today)},
        {"title": "word " * 39, "priority": "low", "tags": ["long" * 12, "work"]},
        {"title": "W" * 200},
        {"title": "Completed", "completed": True},
    )
    todo = TodoPage(await visitors.come(service.address, **look))
    page = todo.page
    await todo.log_in(person)
    await expect(todo.tasks).to_have_count(4)
    await assert_fine(page)
    await todo.new.fill("New")
    await assert_fine(page)
    await page.keyboard.press("Escape")
    await todo.open("High")
    await assert_fine(page)
    await page.keyboard.press("Escape")
    await page.keyboard.press("x")
    await assert_fine(page)
    await page.keyboard.press("c")
    await expect(todo.toast).to_be_visible()
    await assert_fine(page)
    await page.goto("/#/completed")
    await expect(todo.tasks).to_have_count(2)
    await assert_fine(page)
    await page.goto("/#/upcoming")
    await expect(page.get_by_text("Nothing is coming up")).to_be_visible()
    await assert_fine(page)


async def test_dialogs(
    visitors: Visitors,
    service: Service,
    api: AsyncClient,
    person: StagedAccount,
    look: dict[str, Any],
) -> None:
    await create(api, person, {"title": "Tagged", "tags": ["work", "home"]})
    todo = TodoPage(await visitors.come(service.address, **look))
    page = todo.page
    await todo.log_in(person)
    dialog = page.get_by_role("dialog")
    await page.keyboard.press("?")
    await assert_fine(page)
    await page.keyboard.press("Escape")
    menu = page.get_by_role("button", name="Menu")
    is_small = await menu.count() > 0
    for name in ("Edit tags", person.email):
        if is_small:
            await menu.click()
            await assert_fine(page)
        await page.get_by_role("button", name=name).click()
        await expect(dialog.get_by_role("heading", level=2)).to_have_text(
            "Edit tags" if name == "Edit tags" else "Account"
        )
        await assert_fine(page)
        for section in await dialog.locator("summary").all():
            await section.click()
            await assert_fine(page)
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
