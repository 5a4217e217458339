"""What is tried again, how often, and how long apart."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_never,
    wait_exponential,
    wait_random,
    wait_random_exponential,
)

from wellhead.errors import ConnectError, UnreachableError, fault_of, words_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_DELAY = 30.0
"""Seconds between two attempts at the most, without the jitter."""


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
    last: list[BaseException] = []

    def announce(state: RetryCallState) -> None:
        if state.outcome and (error := state.outcome.exception()):
            last[:] = [error]
            announce_attempt(state, error, attempts=attempts)

    retrying = AsyncRetrying(
        stop=stop_never if attempts is None else stop_after_attempt(attempts),
        wait=wait_exponential(multiplier=delay, max=max_delay) + wait_random(0, min(1.0, delay)),
        retry=retry_if_exception(can_retry_connect),
        before_sleep=announce,
        sleep=sleep,
        reraise=True,
    )
    limit = asyncio.timeout(deadline)
    try:
        async with limit:
            return await retrying(attempt)
    except TimeoutError:
        if not limit.expired():
            raise
        error = last[0] if last else None
        raise UnreachableError(
            f"The database did not accept a connection within {deadline:g} s."
            + (f" {error.args[0]}" if error else ""),
            hint=getattr(error, "hint", None),
        ) from error


def announce_attempt(
    state: RetryCallState, error: BaseException, *, attempts: int | None = None
) -> None:
    """Log what is waited for, after an attempt to connect has failed."""
    logger.warning(
        "waiting for the database: attempt %d%s failed, next in %.1f s: %s",
        state.attempt_number,
        "" if attempts is None else f" of {attempts}",
        state.upcoming_sleep,
        words_of(error) or type(error).__name__,
        extra={
            "event": "database_waiting",
            "attempt": state.attempt_number,
            "attempts": attempts,
            "fault": str(fault_of(error)),
            "seconds": round(state.upcoming_sleep, 3),
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

    def is_over(state: RetryCallState) -> bool:
        return clock() + state.upcoming_sleep >= ends_at

    def say(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if announce is not None and error is not None:
            announce(error, state.attempt_number, state.upcoming_sleep)

    retrying = AsyncRetrying(
        stop=is_over,
        wait=wait_random_exponential(multiplier=0.05, max=2.0),
        retry=retry_if_exception(can_retry),
        before_sleep=say,
        sleep=asyncio.sleep,
        reraise=True,
    )
    return await retrying(attempt)


def can_retry_connect(error: BaseException) -> bool:
    """Whether the same attempt to connect can succeed later."""
    return isinstance(error, ConnectError) and error.can_retry
