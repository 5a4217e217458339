"""The page without a network."""

import pytest
from browser.findings import Findings
from browser.service import Service
from browser.todo_page import TodoPage
from browser.visitors import Visitors
from playwright.async_api import Page, Response, expect
from staged import StagedAccount


@pytest.mark.offline
async def test_what_the_window_needs_is_stored_before_it_is_shown(
    page: Page, person: StagedAccount, findings: Findings
) -> None:
    findings.expect("net::ERR_INTERNET_DISCONNECTED")
    heard: list[Response] = []

    def hear(response: Response) -> None:
        # The service worker itself asked for it, too.
        if response.url.endswith("/views/inside.js") and not response.request.service_worker:
            heard.append(response)

    page.context.on("response", hear)
    todo = TodoPage(page)
    await todo.log_in(person)
    # The service worker has it, and asks for nothing more.
    assert [each.from_service_worker for each in heard] == [True]

    await page.context.set_offline(True)
    await page.reload()

    await expect(todo.new).to_be_visible()
    await todo.new.fill("Without a network")
    await todo.new.press("Enter")
    await expect(todo.row("Without a network")).to_be_visible()


async def test_a_page_without_a_service_worker_works(
    visitors: Visitors, service: Service, person: StagedAccount, findings: Findings
) -> None:
    findings.expect("blocked by Playwright")
    todo = TodoPage(await visitors.come(service.address, service_workers="block"))

    await todo.log_in(person)
    await todo.add("Buy milk")
