"""The answer to those whom a full queue sends away: at once, but not without end.

A client that asks again the moment it is refused does so hundreds of times a second, and each
refusal takes time from those who are served, in the one process that has to answer both.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from fastapi import Response
from fastapi.requests import HTTPConnection

from wellhead.errors import PoolSaturated

AT_ONCE = 50
"""Refusals in a second that are answered at once."""

PAUSE = 0.2
"""Seconds that the further ones are held back."""

Answer = Callable[[HTTPConnection, Exception], Awaitable[Response]]


class Refusals:
    """Paces the answers to :class:`wellhead.PoolSaturated`, and passes other errors on.

    Args:
        answer: Makes the answer.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._last: deque[float] = deque(maxlen=AT_ONCE)

    async def __call__(self, connection: HTTPConnection, error: Exception) -> Response:
        """Answer an error."""
        if not isinstance(error, PoolSaturated):
            return await self._answer(connection, error)
        last, now = self._last, asyncio.get_running_loop().time()
        is_storm = len(last) == AT_ONCE and now - last[0] < 1
        last.append(now)
        if is_storm:
            await asyncio.sleep(PAUSE)
        return await self._answer(connection, error)
