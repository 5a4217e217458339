"""The way in: register, log in, a new password, an invite."""

import re
from contextlib import chdir
from datetime import timedelta
from pathlib import Path

from browser.findings import Findings
from browser.service import Service
from browser.todo_page import TodoPage
from browser.visitors import Visitors
from playwright.async_api import Page, expect
from staged import PASSWORD, StagedAccount

from tests.staging.databases import Databases
from todo.accounts import invites
from wellhead import Database, DatabaseSettings


async def test_somebody_registers_and_begins(page: Page, findings: Findings) -> None:
    findings.expect("status of 422")
    await page.get_by_role("link", name="Create an account").click()
    await page.get_by_label("E-mail address").fill("new@invalid")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("Name").fill("Ada")
    await page.get_by_role("button", name="Create an account").click()
    email = page.get_by_label("E-mail address")
    await expect(email).to_have_attribute("aria-invalid", "true")
    await expect(email).to_be_focused()
    await expect(page.locator("#register-email-note")).not_to_be_empty()

    await email.fill("registered-here@example.com")
    await page.get_by_role("button", name="Show: Password").click()
    await expect(page.get_by_label("Password", exact=True)).to_have_value(PASSWORD)
    await expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    await page.get_by_role("button", name="Create an account").click()
    await expect(page.get_by_text("Welcome! What would you like to get done?")).to_be_visible()
    await expect(page.get_by_role("button", name="Ada")).to_be_visible()
    await TodoPage(page).add("The first one")


async def test_a_wrong_password_is_said_and_what_was_typed_stays(
    page: Page, person: StagedAccount, findings: Findings
) -> None:
    findings.expect("status of 401")
    await page.get_by_label("E-mail address").fill(person.email)
    await page.get_by_label("Password", exact=True).fill("not this one")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_have_text(
        "The e-mail address or the password is wrong."
    )
    await expect(page.get_by_label("E-mail address")).to_have_value(person.email)
    await page.get_by_label("Password", exact=True).fill(person.password)
    await page.keyboard.press("Enter")
    await expect(page.locator("#new-task")).to_be_visible()


async def test_a_forgotten_password_is_reset_by_mail(
    page: Page, service: Service, person: StagedAccount, findings: Findings
) -> None:
    findings.expect("status of 403")
    await page.get_by_role("link", name="Forgot your password?").click()
    await page.get_by_label("E-mail address").fill(person.email)
    await page.get_by_role("button", name="Send me a link").click()
    await expect(page.get_by_role("status")).to_contain_text("a link is on its way")
    pattern = re.compile(
        rf"To: {re.escape(person.email)}.*?({service.address}/#reset=\S+)", re.DOTALL
    )
    link = pattern.search(service.log())
    while link is None:
        await page.wait_for_timeout(20)
        link = pattern.search(service.log())

    await _choose(page, link[1], "another battery staple")
    await expect(page.get_by_text("Your password is changed.")).to_be_visible()
    await _choose(page, link[1], "a third one")
    await expect(page.get_by_role("alert")).to_contain_text("This link is not valid")

    await page.get_by_role("link", name="Back to the login").click()
    await page.get_by_label("E-mail address").fill(person.email)
    await page.get_by_label("Password", exact=True).fill("another battery staple")
    await page.keyboard.press("Enter")
    await expect(page.locator("#new-task")).to_be_visible()


async def _choose(page: Page, link: str, password: str) -> None:
    """Follow the link of a mail, and choose a password."""
    await page.goto("about:blank")
    await page.goto(link)
    await page.get_by_label("Password", exact=True).fill(password)
    assert "reset" not in page.url
    await page.get_by_role("button", name="Save").click()


async def test_an_invite_lets_one_person_in(
    visitors: Visitors, databases: Databases, findings: Findings, tmp_path: Path
) -> None:
    findings.expect("status of 403")
    url = databases.create()
    service = Service(url, REGISTRATION="invite")
    with chdir(tmp_path):
        await service.start()
    async with Database(DatabaseSettings(url=url)) as database:
        text = await invites.invite(database, email=None, lifetime=timedelta(hours=1))

    page = await visitors.come(service.address, "/#/register")
    await page.get_by_label("E-mail address").fill("invited@example.com")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Create an account").click()
    await expect(page.get_by_role("alert")).to_contain_text("invite")
    await page.get_by_label("Invite").fill(text)
    await page.get_by_role("button", name="Create an account").click()
    await expect(page.locator("#new-task")).to_be_visible()

    late = await visitors.come(service.address, f"/#invite={text}")
    await expect(late.get_by_text("You have an invite. Welcome!")).to_be_visible()
    assert text not in late.url
    await late.get_by_label("E-mail address").fill("late@example.com")
    await late.get_by_label("Password", exact=True).fill(PASSWORD)
    await late.get_by_role("button", name="Create an account").click()
    await expect(late.get_by_role("alert")).to_contain_text("This invite was used")
    await service.stop()
    databases.drop(url)
