"""People with a browser each."""

from typing import Any

from browser.findings import Findings
from playwright.async_api import Browser, BrowserContext, Page

SECONDS = 120
"""How long Playwright waits for what should come at once; on a busy machine it comes later."""

MODULE = """
globalThis.clientModule = (name) =>
  import(new URL(`${name}.js`, document.querySelector("script[type=module]").src));
"""
"""For scripts of tests: a module of the client, the one that the page has."""

NOTICES_STAY = """{
const { setTimeout } = globalThis;
globalThis.setTimeout = (act, ...rest) =>
  act.name === "hideNotice" ? 0 : setTimeout(act, ...rest);
}"""
"""For a busy machine, where seconds pass before a test has pressed the button in a notice."""

NO_WORKER = "delete Navigator.prototype.serviceWorker"

HOME = {"locale": "en-US", "timezone_id": "UTC", "viewport": {"width": 1280, "height": 800}}


class Visitors:
    """Opens the client in browsers that share nothing: no storage, no cache, no service worker.

    Args:
        browser: The Chromium in which each of them is a context.
        findings: What goes wrong in any of them.
        offline: Whether they have service workers. To install one costs as much as the rest of a
            visit; without, they are like a private window of Firefox.
    """

    def __init__(self, browser: Browser, findings: Findings, *, offline: bool) -> None:
        self._browser = browser
        self._findings = findings
        self._offline = offline
        self._contexts: list[BrowserContext] = []

    async def come(self, address: str, path: str = "/", **options: Any) -> Page:
        """A new browser, with one page.

        Further pages of the returned one's `context` are tabs in the same browser.

        Args:
            address: The origin that it may visit.
            path: The first path there.
            options: Options of `Browser.new_context`, such as `color_scheme="dark"`.
        """
        context = await self._browser.new_context(**{**HOME, "base_url": address, **options})
        self._contexts.append(context)
        context.set_default_timeout(SECONDS * 1000)
        self._findings.watch(context, address)
        await context.add_init_script(MODULE)
        await context.add_init_script(NOTICES_STAY)
        if not self._offline:
            await context.add_init_script(NO_WORKER)
        page = await context.new_page()
        await page.goto(path)
        return page

    async def leave(self) -> None:
        """Close all their browsers."""
        for context in self._contexts:
            await context.close()
