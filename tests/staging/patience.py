"""Waiting for what happens by itself."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

SECONDS = 240.0
"""For so long a machine may be busy with other things; a test that waits in vain fails then."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.02


async def until(
    condition: Callable[[], object | Awaitable[object]], *, seconds: float = SECONDS
) -> None:
    """Return once something holds; ask for it again and again.

    Args:
        condition: Says whether it holds; a plain function or one to be awaited.
        seconds: How long to go on.

    Raises:
        TimeoutError: It did not hold within so many seconds.
    """
    pause = _FIRST_PAUSE
    async with asyncio.timeout(seconds):
        while not await _holds(condition):
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


async def _holds(condition: Callable[[], object | Awaitable[object]]) -> object:
    answer = condition()
    return await answer if inspect.isawaitable(answer) else answer
