"""A whole unit of work, run again if it is certain that nothing of it was committed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from wellhead.errors import CommitUnknownError, PoolTimeout, classify
from wellhead.errors.groups import is_of_database, leaves_of
from wellhead.errors.recognition import fault_of
from wellhead.retry import retry_until
from wellhead.sessions.commits import Commits, counting_commits
from wellhead.sessions.run_stats import RunCounter

logger = logging.getLogger(__package__)

T = TypeVar("T")

MOST_UNKNOWN = 3
"""How many COMMITs of one repeatable unit may stay without a reply."""


class UnitOfWork(Generic[T]):
    """One unit of work and its attempts.

    Args:
        work: Does all of it once, and commits.
        counter: Counts the outcomes.
        deadline: Seconds after which no attempt begins.
        is_repeatable: Whether the work may be done twice.
    """

    def __init__(
        self,
        work: Callable[[], Awaitable[T]],
        counter: RunCounter,
        *,
        deadline: float,
        is_repeatable: bool,
    ) -> None:
        self._work = work
        self._counter = counter
        self._ends_at = asyncio.get_running_loop().time() + deadline
        self._most_unknown = MOST_UNKNOWN if is_repeatable else 1
        self._attempted: Commits
        self._failed: Exception | None = None

    async def run(self) -> T:
        """Do the work, and repeat it while that is safe and there is time."""
        self._counter.units += 1
        try:
            # Nearly always the first attempt succeeds.
            return await self._attempt()
        except Exception as error:  # noqa: BLE001 - handled below
            self._failed = error
        return await self._go_on()

    async def _go_on(self) -> T:
        """Handle the failure of the first attempt."""
        unknown: Exception | None = None
        unanswered: list[Commits] = []
        for attempt in range(1, self._most_unknown + 1):
            if unknown is not None:
                unanswered.append(self._attempted)
                self._announce(unknown, attempt - 1, 0.0)
            try:
                result = await retry_until(
                    self._ends_at,
                    self._attempt_or_say,
                    can_retry=self._can_run_again,
                    announce=self._announce,
                )
            except Exception as error:
                if _leaves_a_commit_open(error):
                    unknown = error
                    if self._attempted.succeeded:
                        break
                elif unknown is not None and all(map(is_of_database, leaves_of(error))):
                    raise unknown from error
                else:
                    raise
            else:
                # What earlier attempts left open does not matter any more.
                for each in unanswered:
                    each.settle()
                return result
        assert unknown is not None  # noqa: S101 - nothing else ends the loop
        raise unknown

    async def _attempt(self) -> T:
        with counting_commits() as self._attempted:
            return await self._work()

    async def _attempt_or_say(self) -> T:
        failed, self._failed = self._failed, None
        if failed is None:
            return await self._attempt()
        try:
            raise failed
        finally:
            # A reference cycle would wait for the collector.
            del failed

    def _can_run_again(self, error: BaseException) -> bool:
        leaves = leaves_of(error)
        if not self._attempted.is_empty or any(isinstance(each, PoolTimeout) for each in leaves):
            # A caller that timed out waiting for a connection has used up its time.
            return False
        # A TimeoutError or OSError raised by the work itself is not a database failure.
        return all(map(is_of_database, leaves)) and classify(error).can_run_again

    def _announce(self, error: BaseException, attempt: int, seconds: float) -> None:
        fault = fault_of(error)
        self._counter.count_retry(fault)
        logger.warning(
            "running a unit of work again after attempt %d failed: %s",
            attempt,
            fault,
            extra={
                "event": "unit_of_work_retry",
                "fault": str(fault),
                "attempt": attempt,
                "seconds": round(seconds, 3),
            },
        )


def _leaves_a_commit_open(error: Exception) -> bool:
    """Whether a COMMIT got no reply, and nothing else failed except what passes soon."""
    is_open = False
    for each in leaves_of(error):
        if isinstance(each, CommitUnknownError):
            is_open = True
        elif not (is_of_database(each) and classify(each).can_run_again):
            return False
    return is_open
