"""What is retried, how often, and with what pauses."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from wellhead.errors import ConnectError, Fault, UnreachableError
from wellhead.errors.codes import with_code
from wellhead.errors.discretion import words_of
from wellhead.errors.recognition import fault_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_DELAY = 30.0
"""The longest pause between two attempts in seconds, without the jitter."""

_MOST_DOUBLINGS = 60

Pause = Callable[[Exception, int], float | None]
"""Seconds before the next attempt, given the failure and the attempt's number; None to give up."""


async def try_again(
    attempt: Callable[[], Awaitable[T]],
    pause: Pause,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Make attempts until one succeeds or its failure must be raised.

    Args:
        attempt: Makes one attempt.
        pause: Decides after each failure.
        sleep: Waits for the given number of seconds.
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
    """A random number of seconds, so that several callers do not retry at the same moment."""
    return random.uniform(0, seconds)  # noqa: S311 - not a secret


def pause_before(number: int) -> float:
    """Seconds before the work is done again: up to 50 ms the first time, doubling to 2 s.

    Random, so that callers that collided do not collide again.
    """
    return up_to(doubled(0.05, number, most=2.0))


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

    Only failures that can pass without intervention are retried: a wrong password, an unknown
    database or a bad certificate is raised at once.

    Args:
        attempt: Makes one attempt and raises a :class:`wellhead.ConnectError` if it fails.
        attempts: Maximum number, including the first; None for no limit.
        delay: Seconds before the second attempt; doubled each time, plus up to a second of
            jitter.
        max_delay: The longest pause in seconds, without the jitter.
        deadline: Seconds for everything; an attempt in progress is then cancelled.
        sleep: Waits for the given number of seconds.

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
    """Log the wait after a failed attempt to connect."""
    logger.warning(
        "waiting for the database: attempt %d%s failed, next in %.1f s: %s",
        number,
        "" if attempts is None else f" of {attempts}",
        seconds,
        with_code(error, words_of(error) or type(error).__name__),
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
    """Make attempts until one succeeds, must not be repeated, or time is up; see `pause_before`.

    Args:
        ends_at: The event loop's time after which no attempt begins; a running one is not cut
            short, and the first is always made.
        attempt: Makes one attempt.
        can_retry: Whether another attempt may follow this failure.
        announce: Called with the failure, the attempt's number and the pause, before each pause.
    """
    clock = asyncio.get_running_loop().time

    def pause(error: Exception, number: int) -> float | None:
        seconds = pause_before(number)
        if not can_retry(error) or clock() + seconds >= ends_at:
            return None
        if announce is not None:
            announce(error, number, seconds)
        return seconds

    return await try_again(attempt, pause)


def can_retry_connect(error: Exception) -> bool:
    """Whether the same attempt to connect can succeed later, also if it was lost half-way."""
    if isinstance(error, ConnectError):
        return error.can_retry
    return fault_of(error) is Fault.CONNECTION_LOST
