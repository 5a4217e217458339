"""The figures as server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context

from starlette.types import Receive, Scope, Send

from wellhead.fastapi.draining import told_of_signals

logger = logging.getLogger("wellhead.fastapi")

EVERY = 0.5
"""Seconds between two events."""

MOST_STREAMS = 8
"""Pages that one process sends events to; further ones are refused."""

PATIENCE = 10.0
"""Seconds that a client may leave an event unread before it is dropped."""

HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    # nginx would collect the events first.
    (b"x-accel-buffering", b"no"),
]


class Feed:
    """Reads the figures while pages are open, once for all of them; each gets the newest.

    Args:
        read: Returns the figures as JSON, in one line.
        is_draining: Whether the process is shutting down.
    """

    def __init__(
        self, read: Callable[[], Awaitable[bytes]], *, is_draining: Callable[[], bool]
    ) -> None:
        self._read = read
        self._is_draining = is_draining
        self._is_over = False
        self._newest = b""
        # Done when there is something newer.
        self._next: asyncio.Future[None] | None = None
        self._running: asyncio.Task[None] | None = None
        self.streams = 0

    @property
    def is_full(self) -> bool:
        """Whether a further page is refused."""
        return self.streams >= MOST_STREAMS

    @property
    def is_over(self) -> bool:
        """Whether the process is shutting down, and every stream ends."""
        return self._is_over or self._is_draining()

    def end(self) -> None:
        """End every stream now."""
        self._is_over = True
        self._tell()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client has gone, or the process shuts down."""
        del scope
        self.streams += 1
        if self._running is None or self._running.done():
            self._newest, self._next = b"", asyncio.get_running_loop().create_future()
            # It outlives the request of the first page, so it must not run in its context.
            self._running = Context().run(asyncio.create_task, self._run())
        gone, sent = asyncio.create_task(_until_gone(receive)), b""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            # One that is there already comes at once.
            while (self._newest and not sent) or await self._has_more(gone):
                sent = b"data: " + self._newest + b"\n\n"
                async with asyncio.timeout(PATIENCE):
                    await send({"type": "http.response.body", "body": sent, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            # The server closes the connection of a response that does not end.
            return
        finally:
            gone.cancel()
            self.streams -= 1
            if not self.streams:
                self._stop()

    async def _has_more(self, gone: "asyncio.Task[None]") -> bool:
        running, following = self._running, self._next
        assert running is not None  # noqa: S101 - it is, as long as there is a stream
        assert following is not None  # noqa: S101 - as above
        if not (self.is_over or running.done()):
            await asyncio.wait({gone, following}, return_when=asyncio.FIRST_COMPLETED)
        return not (gone.done() or self.is_over or running.done())

    async def _run(self) -> None:
        try:
            with told_of_signals(self.end):
                while not self.is_over:
                    self._newest = await self._read()
                    self._tell()
                    await asyncio.sleep(EVERY)
        except Exception:
            logger.exception(
                "the live page gets no more figures", extra={"event": "live_page_failed"}
            )
        finally:
            self._tell()

    def _tell(self) -> None:
        if self._next is not None and not self._next.done():
            self._next.set_result(None)
            self._next = self._next.get_loop().create_future()

    def _stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
        self._running = self._next = None


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
