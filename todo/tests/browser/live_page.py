"""The live page `/db` in the words of an operator who looks at it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self

import asyncpg
from playwright.async_api import Locator, Page, expect
from task_api import Json

FURTHER = """
(count) => new Promise((resolve) => {
  const rows = document.getElementById("connections-rows");
  const newest = () => rows.firstElementChild?.dataset.key;
  let last = newest();
  const observer = new MutationObserver(() => {
    if (newest() === last) return;
    last = newest();
    count -= 1;
    if (count > 0) return;
    observer.disconnect();
    resolve();
  });
  observer.observe(rows, { childList: true });
})
"""


class LivePage:
    """A page with the figures.

    Attributes:
        page: The page of Playwright.
        state: Whether it is live.
        notices: What needs attention.
        holders: The connections that are held, the longest first.
        statements: The slowest statements.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.state = page.get_by_role("status").first
        self.notices = page.locator("#notices li")
        self.holders = page.locator("#holder-rows tr")
        self.statements = page.locator("#statement-rows tr")

    @classmethod
    async def of(cls, page: Page) -> Self:
        """The page when it is live, with its tables open."""
        live = cls(page)
        await expect(live.state).to_have_text("Live")
        await page.keyboard.press("t")
        await expect(page.locator("#connections-rows tr").first).to_be_visible()
        return live

    def figure(self, name: str) -> Locator:
        """A number above the plot of connections, or one of those that are counted."""
        return self.page.locator(f":is(#uses, .counts) [data-is={name}]")

    async def count(self, name: str) -> int:
        """The same as a number."""
        return int((await self.figure(name).inner_text()).replace(",", ""))

    async def statement(self, words: str) -> Locator:
        """The slowest statement with these words, wherever its row is later."""
        found = self.page.locator("#statement-rows tr", has_text=words).first
        key = await found.get_attribute("data-key")
        return self.page.locator(f'#statement-rows tr[data-key="{key}"]')

    async def until_further(self, points: int) -> None:
        """Wait until so many more snapshots are drawn; its tables are open."""
        await self.page.evaluate(FURTHER, points)


@asynccontextmanager
async def locked(database_url: str, tasks: Sequence[Json]) -> AsyncIterator[None]:
    """Let everyone wait who changes these tasks."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            ids = [task["id"] for task in tasks]
            await connection.execute("SELECT FROM tasks WHERE id = ANY($1::uuid[]) FOR UPDATE", ids)
            yield
    finally:
        await connection.close()
