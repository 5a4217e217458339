"""Another client that takes every connection."""

import asyncio
from typing import Any

import asyncpg

from bench.faults.console import NAME

_AT_ONCE = 8


class Occupier:
    """Opens connections until it is refused, and takes each one that becomes free after that.

    Args:
        url: Where.

    Attributes:
        refusals: How often it was refused.
    """

    def __init__(self, url: str) -> None:
        self.refusals = 0
        self._url = url.partition("?")[0]
        self._refused = asyncio.Event()
        self._held: list[Any] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def fill(self) -> None:
        """Return when it has been refused for the first time."""
        self._tasks = [asyncio.create_task(self._take()) for _ in range(_AT_ONCE)]
        await self._refused.wait()

    async def leave(self) -> None:
        """Close everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in self._held:
            connection.terminate()
        self._held.clear()

    async def _take(self) -> None:
        while True:
            try:
                self._held.append(
                    await asyncpg.connect(
                        self._url,
                        ssl=False,
                        timeout=5,
                        server_settings={"application_name": NAME},
                    )
                )
            except (asyncpg.PostgresError, OSError):
                self.refusals += 1
                self._refused.set()
                await asyncio.sleep(0.01)
