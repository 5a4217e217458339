"""What goes wrong in a page without any assertion that looks for it."""

import re
from collections.abc import Sequence

from playwright.async_api import (
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    WebError,
    Worker,
)

INSIDE = ("data:", "blob:", "about:")
"""Addresses that no server is asked for."""


class Findings:
    """Errors and warnings on the console, errors of scripts, and requests to other origins.

    Chromium writes to the console what the content security policy forbids, each response with a
    status from 400 on, and each request without a response. A test that brings them about says so
    with `expect`.
    """

    def __init__(self) -> None:
        self._found: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def expect(self, *patterns: str) -> None:
        """Leave out the findings in which one of these patterns occurs, from the beginning."""
        self._expected += map(re.compile, patterns)

    def unexpected(self) -> Sequence[str]:
        """The findings that nobody expected."""
        return [
            each
            for each in self._found
            if not any(pattern.search(each) for pattern in self._expected)
        ]

    def watch(self, context: BrowserContext, origin: str) -> None:
        """Listen to everything that happens in a context.

        Args:
            context: The context, without any page.
            origin: The only origin that it may send requests to.
        """

        def hear_request(request: Request) -> None:
            if not request.url.startswith((f"{origin}/", *INSIDE)):
                self._found.append(f"request: {request.method} {request.url}")

        context.on("request", hear_request)
        context.on("console", self._hear_message)
        context.on("weberror", self._hear_error)
        context.on("serviceworker", self._watch_worker)
        context.on("page", self._watch_page)

    def _watch_page(self, page: Page) -> None:
        page.on("crash", lambda _: self._found.append("the page crashed"))
        page.on("worker", self._watch_worker)

    def _watch_worker(self, worker: Worker) -> None:
        worker.on("console", self._hear_message)

    def _hear_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"}:
            place = message.location["url"]
            self._found.append(f"console: {message.text} [{place}]")

    def _hear_error(self, error: WebError) -> None:
        self._found.append(f"script: {error.error.stack or error.error.message}")
