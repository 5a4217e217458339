"""Opening a database where it is first used, for tests: many of them run no lifespan."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

from wellhead.database.live import Live


class FirstUse:
    """What a database is while it leads to that of a test, in whatever event loop uses it first.

    It is closed with its loop: all loops end their asynchronous generators.

    Args:
        make: Makes what is open; nothing is waited for.
        forget: Told of what is closed with its loop.
    """

    def __init__(self, make: Callable[[], Live], forget: Callable[[Live], None]) -> None:
        self._make = make
        self._forget = forget
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: AsyncGenerator[None, None] | None = None

    def open(self) -> Live:
        """Make it, in the running loop.

        Raises:
            RuntimeError: There is none.
        """
        self._loop = asyncio.get_running_loop()
        live = self._make()
        self._closing = self._closed_with_loop(live)
        with suppress(StopIteration):
            # To its first yield, where the loop takes note of it; nothing is waited for.
            self._closing.__anext__().send(None)
        return live

    def end(self) -> None:
        """Close it, from outside of its loop."""
        loop, closing, self._closing = self._loop, self._closing, None
        if loop is None or closing is None or loop.is_closed():
            return
        if loop.is_running():
            asyncio.run_coroutine_threadsafe(_end(closing), loop)
        else:
            loop.run_until_complete(_end(closing))

    async def _closed_with_loop(self, live: Live) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._forget(live)
            await live.close()


async def _end(closing: AsyncGenerator[None, None]) -> None:
    await closing.aclose()
