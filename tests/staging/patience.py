"""Waiting for what happens by itself."""

import asyncio
from collections.abc import Callable

SECONDS = 20.0


async def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds; whoever waits for too long fails."""
    async with asyncio.timeout(SECONDS):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)
