"""The Todo client in the words of somebody who uses it."""

from collections.abc import Sequence
from typing import Any

from httpx2 import AsyncClient
from playwright.async_api import Locator, Page, expect
from staged import StagedAccount


class TodoPage:
    """A page with the client.

    Attributes:
        page: The page of Playwright.
        tasks: The rows of the list.
        titles: Their titles, in order.
        new: The field for a new task.
        toast: What was said last, with the way back.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.tasks = page.locator(".row")
        self.titles = page.locator(".row .title")
        self.new = page.locator("#new-task")
        self.toast = page.locator(".toast")

    async def log_in(self, account: StagedAccount) -> None:
        """Log in, and wait for the list."""
        await self.page.get_by_label("E-mail address").fill(account.email)
        await self.page.get_by_label("Password", exact=True).fill(account.password)
        await self.page.get_by_role("button", name="Log in").click()
        await expect(self.new).to_be_visible()

    async def add(self, *titles: str) -> None:
        """Type new tasks, and wait until the server has them."""
        for title in titles:
            await self.new.fill(title)
            await self.new.press("Enter")
        await self.page.keyboard.press("Escape")
        await self.saved()

    async def saved(self) -> None:
        """Wait until the server has everything."""
        await expect(self.page.get_by_text("Everything is saved")).to_have_count(1)

    async def expect_titles(self, titles: Sequence[str]) -> None:
        """Wait until these tasks are in the list, in this order, and no others."""
        await expect(self.titles).to_have_text(titles)

    def row(self, title: str) -> Locator:
        """The row of a task."""
        return self.tasks.filter(has_text=title)

    async def open(self, title: str) -> Locator:
        """Begin to edit a task in its place; return the form."""
        await self.row(title).locator(".open").click()
        return self.page.locator(".editor")

    async def view(self, name: str) -> None:
        """Go to a view or a tag of the sidebar."""
        await self.page.get_by_role("navigation").get_by_role("link", name=name).click()

    async def dialog(self, button: str) -> Locator:
        """Open a dialog by the name of its button."""
        await self.page.get_by_role("button", name=button).click()
        return self.page.get_by_role("dialog")

    async def focused(self) -> str | None:
        """The title of the task whose row has the focus."""
        title: str | None = await self.page.evaluate(
            "document.activeElement.closest('.row')?.querySelector('.title')?.textContent"
        )
        return title


async def listed(api: AsyncClient, person: StagedAccount) -> list[dict[str, Any]]:
    """The tasks that the server has, in the order made by hand."""
    answer = await api.get("/api/me/tasks?sort=position&limit=100", headers=person.headers)
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def create(api: AsyncClient, person: StagedAccount, *tasks: dict[str, Any]) -> None:
    """Create tasks as a program does."""
    for task in tasks:
        answer = await api.post("/api/me/tasks", json=task, headers=person.headers)
        assert answer.status_code == 201, answer.text
