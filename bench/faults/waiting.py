"""Waits for what happens in other processes, which nothing here is told of."""

import asyncio
from collections.abc import Awaitable, Callable

_PAUSE = 0.03


async def until(holds: Callable[[], Awaitable[object]], *, seconds: float) -> None:
    """Return as soon as something holds; ask for it again and again.

    Raises:
        TimeoutError: It did not within so many seconds.
    """
    async with asyncio.timeout(seconds):
        while True:
            if await holds():
                return
            await asyncio.sleep(_PAUSE)
