"""Start without the database: keep trying in the background until it is available."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextvars import Context

from wellhead.errors import ConfigurationError, Fault
from wellhead.errors.codes import with_code
from wellhead.errors.discretion import words_of
from wellhead.errors.recognition import fault_of
from wellhead.retry import MAX_DELAY, announce_attempt, can_retry_connect, doubled, try_again

logger = logging.getLogger(__package__)

LONGEST_PAUSE = 5.0
"""The longest pause in seconds between two attempts, if the same attempt can succeed later.

If a person has to act first, as after a wrong password, it is ``MAX_DELAY``."""


class Opening:
    """Attempts to open a database, which continue in the background until one succeeds.

    Args:
        attempt: Makes one attempt.
        give_up: Called when it is stopped.
        delay: Seconds before the second attempt; doubled for each later one.
    """

    def __init__(
        self,
        attempt: Callable[[], Awaitable[None]],
        *,
        give_up: Callable[[], Awaitable[None]],
        delay: float,
    ) -> None:
        self._give_up = give_up
        self._delay = delay
        self._failed = asyncio.Event()
        self._failed_at = time.monotonic()
        # It outlives the caller of open(), so it must not run in the caller's context.
        loop = asyncio.get_running_loop()
        self._task = Context().run(loop.create_task, try_again(attempt, self._pause))
        self.fault = Fault.NOT_OPEN

    @property
    def age(self) -> float:
        """Seconds since the last failure."""
        return time.monotonic() - self._failed_at

    async def first_attempt(self, *, within: float | None = None) -> None:
        """Wait until the first attempt has ended, or for this many seconds.

        Raises:
            ConfigurationError: No attempt can ever succeed.
        """
        failed = asyncio.create_task(self._failed.wait())
        waited_for = {self._task, failed}
        try:
            await asyncio.wait(waited_for, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            failed.cancel()
        if self._task.done():
            await self._task
        elif not self._failed.is_set():
            self._say_that_it_goes_on(f"no response within {within:g} s")

    async def stop(self) -> None:
        """Stop trying."""
        self._task.cancel()
        await asyncio.wait({self._task})
        await self._give_up()

    def _pause(self, error: Exception, number: int) -> float | None:
        # At the start, a configuration error ends the program as usual.
        if isinstance(error, ConfigurationError) and not self._failed.is_set():
            return None
        seconds = MAX_DELAY
        if can_retry_connect(error):
            seconds = doubled(self._delay, number, most=LONGEST_PAUSE)
        self.fault, self._failed_at = fault_of(error), time.monotonic()
        if self._failed.is_set():
            announce_attempt(error, number, seconds)
        else:
            self._say_that_it_goes_on(with_code(error, words_of(error) or type(error).__name__))
        return seconds

    def _say_that_it_goes_on(self, why: str) -> None:
        self._failed.set()
        logger.warning(
            "starting without the database; attempts continue in the background: %s",
            why,
            extra={"event": "database_degraded", "fault": str(self.fault)},
        )
