"""What a page does, counted: what it sends and gets, what moves by itself, and what it draws."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.async_api import Page

POLL = "/changes"
"""How the path of the requests ends with which a page in use looks for changes every 15 seconds."""

OBSERVE = """(() => {
  const counted = { shifts: 0, rows: 0, touched: new Set() };
  const touch = (node) => {
    counted.touched.add(node);
    node.childNodes.forEach(touch);
  };
  const shifted = (entries) => { counted.shifts += entries.length; };
  const changed = (records) => {
    for (const { type, target, addedNodes, removedNodes } of records) {
      if (type !== "childList") counted.touched.add(target);
      for (const node of [...addedNodes, ...removedNodes]) touch(node);
      for (const node of addedNodes) counted.rows += node.matches?.(".row") ?? 0;
      for (const node of addedNodes) counted.rows += node.querySelectorAll?.(".row").length ?? 0;
    }
  };
  const shifts = new PerformanceObserver((list) => shifted(list.getEntries()));
  shifts.observe({ type: "layout-shift", buffered: true });
  const changes = new MutationObserver(changed);
  const all = { subtree: true, childList: true, attributes: true, characterData: true };
  changes.observe(document, all);
  globalThis.takeCounted = () => {
    shifted(shifts.takeRecords());
    changed(changes.takeRecords());
    const { shifts: moved, rows, touched } = counted;
    Object.assign(counted, { shifts: 0, rows: 0, touched: new Set() });
    const nodes = document.createNodeIterator(document);
    let present = 0;
    while (nodes.nextNode()) present += 1;
    return { shifts: moved, rows, touched: touched.size, nodes: present };
  };
})()"""

TAKE = "() => globalThis.takeCounted?.()"
"""What was counted since the last time; nothing on a page that was open before."""

DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened in a page while something was done.

    Attributes:
        requests: Those that went to the service, not to the cache.
        sent: Their bytes, with the headers.
        received: The bytes of the responses, with the headers, compressed as they came.
        bodies: Of these, without the headers.
        shifts: How often something moved by itself, as Chromium's layout instability counts it:
            also in the half second after a key or a click, which it would forgive.
        touched: Nodes that were added, removed or changed.
        rows: Rows of the list that were added to the document.
        nodes: All nodes that were in the document at the end.
    """

    requests: int
    sent: int
    received: int
    bodies: int
    shifts: int
    touched: int
    rows: int
    nodes: int


class Meter:
    """Counts in one page, from before its first visit."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._requests: dict[str, Mapping[str, Any]] = {}
        self._headers: dict[str, Mapping[str, str]] = {}
        self._before_body: dict[str, int] = {}
        self._received: dict[str, int] = {}
        self._ended = asyncio.Event()

    @classmethod
    async def of(cls, page: Page) -> Self:
        """A meter in a page that has been nowhere."""
        meter = cls(page)
        await page.add_init_script(OBSERVE)
        session = await page.context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", meter._hear_request)
        session.on("Network.requestWillBeSentExtraInfo", meter._hear_headers)
        session.on("Network.responseReceived", meter._hear_response)
        session.on("Network.loadingFinished", meter._hear_end)
        await session.send("Network.enable")
        return meter

    async def count(self, doing: Awaitable[object], *, loads: bool = False) -> Counts:
        """Do something and count, until what it led to is drawn.

        Args:
            doing: What is done; it ends when the page has what it asked for.
            loads: Whether the page has to read what has changed for it. Otherwise such requests are
                left out, as they come with the time.
        """
        await self._page.evaluate(DRAWN)
        await self._page.evaluate(TAKE)
        for each in (self._requests, self._headers, self._before_body, self._received):
            each.clear()
        await doing
        await self._page.evaluate(DRAWN)
        drawn = await self._page.evaluate(TAKE)
        # Only what goes to the service has these headers.
        counted = [
            each
            for each in self._headers
            if loads or not urlsplit(self._requests[each]["url"]).path.endswith(POLL)
        ]
        while not self._received.keys() >= set(counted):
            self._ended.clear()
            await self._ended.wait()
        received = sum(self._received[each] for each in counted)
        return Counts(
            requests=len(counted),
            sent=sum(map(self._size, counted)),
            received=received,
            bodies=received - sum(self._before_body[each] for each in counted),
            **drawn,
        )

    def _size(self, request_id: str) -> int:
        """The bytes of a request."""
        request, headers = self._requests[request_id], self._headers[request_id]
        url = urlsplit(request["url"])
        first = f"{request['method']} {url.path}?{url.query} HTTP/1.1"
        lines = [first, *(f"{name}: {value}" for name, value in headers.items()), ""]
        return sum(len(line) + len("\r\n") for line in lines) + len(
            request.get("postData", "").encode()
        )

    def _hear_request(self, event: Mapping[str, Any]) -> None:
        self._requests[event["requestId"]] = event["request"]

    def _hear_headers(self, event: Mapping[str, Any]) -> None:
        self._headers[event["requestId"]] = event["headers"]

    def _hear_response(self, event: Mapping[str, Any]) -> None:
        self._before_body[event["requestId"]] = event["response"]["encodedDataLength"]

    def _hear_end(self, event: Mapping[str, Any]) -> None:
        self._received[event["requestId"]] = event["encodedDataLength"]
        self._ended.set()
