"""The response when the pool's queue is full: immediate, but only up to a rate.

A client that retries the moment it is refused does so hundreds of times a second, and each refusal
takes time from the requests that are served by the same process.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from fastapi import Response
from fastapi.requests import HTTPConnection

from wellhead.errors import PoolSaturated

AT_ONCE = 50
"""Refusals per second that are sent at once."""

PAUSE = 0.2
"""Seconds by which further refusals are delayed."""

Answer = Callable[[HTTPConnection, Exception], Awaitable[Response]]


class Refusals:
    """Paces the responses to :class:`wellhead.PoolSaturated`, and passes other errors on.

    Args:
        answer: Creates the response.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._last: deque[float] = deque(maxlen=AT_ONCE)

    async def __call__(self, connection: HTTPConnection, error: Exception) -> Response:
        """Respond to an error."""
        if not isinstance(error, PoolSaturated):
            return await self._answer(connection, error)
        last, now = self._last, asyncio.get_running_loop().time()
        is_storm = len(last) == AT_ONCE and now - last[0] < 1
        last.append(now)
        if is_storm:
            await asyncio.sleep(PAUSE)
        return await self._answer(connection, error)
