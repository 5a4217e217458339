"""What is tried again, how often, and how long apart."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from wellhead.errors import ConnectError, UnreachableError, fault_of, words_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_DELAY = 30.0
"""Seconds between two attempts at the most, without the jitter."""

_MOST_DOUBLINGS = 60

Pause = Callable[[Exception, int], float | None]
"""Seconds before the next attempt, by the failure and its attempt's number; None for no other."""


async def try_again(
    attempt: Callable[[], Awaitable[T]],
    pause: Pause,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Make attempts until one succeeds, or until its failure must be raised.

    Args:
        attempt: Makes one attempt.
        pause: Decides after each failure.
        sleep: Waits for so many seconds.
    """
    number = 0
    while True:
        number += 1
        try:
            return await attempt()
        except Exception as error:
            seconds = pause(error, number)
            if seconds is None:
                raise
        await sleep(seconds)


def doubled(first: float, number: int, *, most: float) -> float:
    """Seconds after an attempt: ``first`` after number 1, then twice as long each time."""
    return min(first * 2.0 ** min(number - 1, _MOST_DOUBLINGS), most)


def up_to(seconds: float) -> float:
    """Some seconds at random, so that several do not try again in the same moment."""
    return random.uniform(0, seconds)  # noqa: S311 - no secret


async def connect_with_retry(
    attempt: Callable[[], Awaitable[T]],
    *,
    attempts: int | None,
    delay: float,
    max_delay: float = MAX_DELAY,
    deadline: float | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Try to connect until it succeeds, cannot succeed, or the attempts are used up.

    Only what can succeed later without anybody's help is tried again: a wrong password, an
    unknown database or a bad certificate are raised at once.

    Args:
        attempt: Makes one attempt and raises a :class:`wellhead.ConnectError` when it fails.
        attempts: How many at the most, the first one included; None for as many as it takes.
        delay: Seconds before the second; doubled each time, then up to a second of jitter
            added.
        max_delay: Seconds between two attempts at the most, without the jitter.
        deadline: Seconds for all of it; an attempt that is under way then is given up.
        sleep: Waits for so many seconds.

    Raises:
        ConnectError: The last attempt's error; ``UnreachableError`` at the deadline.
    """
    last: Exception | None = None

    def pause(error: Exception, number: int) -> float | None:
        nonlocal last
        if number == attempts or not can_retry_connect(error):
            return None
        last = error
        seconds = doubled(delay, number, most=max_delay) + up_to(min(1.0, delay))
        announce_attempt(error, number, seconds, attempts=attempts)
        return seconds

    limit = asyncio.timeout(deadline)
    try:
        async with limit:
            return await try_again(attempt, pause, sleep=sleep)
    except TimeoutError:
        if not limit.expired():
            raise
        raise UnreachableError(
            f"The database did not accept a connection within {deadline:g} s."
            + (f" {last.args[0]}" if last else ""),
            hint=getattr(last, "hint", None),
        ) from last


def announce_attempt(
    error: Exception, number: int, seconds: float, *, attempts: int | None = None
) -> None:
    """Log what is waited for, after an attempt to connect has failed."""
    logger.warning(
        "waiting for the database: attempt %d%s failed, next in %.1f s: %s",
        number,
        "" if attempts is None else f" of {attempts}",
        seconds,
        words_of(error) or type(error).__name__,
        extra={
            "event": "database_waiting",
            "attempt": number,
            "attempts": attempts,
            "fault": str(fault_of(error)),
            "seconds": round(seconds, 3),
        },
    )


async def retry_until(
    ends_at: float,
    attempt: Callable[[], Awaitable[T]],
    *,
    can_retry: Callable[[BaseException], bool],
    announce: Callable[[BaseException, int, float], None] | None = None,
) -> T:
    """Make attempts until one succeeds, must not be repeated, or the time is over.

    Pauses are random, up to 50 ms at first and doubling to 2 s, so that callers which got into
    each other's way do not meet again.

    Args:
        ends_at: The event loop's time after which no attempt begins; a running one is not cut
            short, and the first is always made.
        attempt: Makes one attempt.
        can_retry: Whether another attempt may follow such a failure.
        announce: Told the failure, the attempt's number and the pause, before each pause.
    """
    clock = asyncio.get_running_loop().time

    def pause(error: Exception, number: int) -> float | None:
        seconds = up_to(doubled(0.05, number, most=2.0))
        if not can_retry(error) or clock() + seconds >= ends_at:
            return None
        if announce is not None:
            announce(error, number, seconds)
        return seconds

    return await try_again(attempt, pause)


def can_retry_connect(error: Exception) -> bool:
    """Whether the same attempt to connect can succeed later."""
    return isinstance(error, ConnectError) and error.can_retry
