"""A whole unit of work, run again where it is certain that nothing of it was committed."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead.commits import CommitLog
from wellhead.errors import CommitUnknownError, ConnectError, Fault, PoolTimeout, fault_of
from wellhead.run_stats import RunCounter

logger = logging.getLogger(__name__)

T = TypeVar("T")

Work = Callable[[AsyncSession], Awaitable[T]]
OpenSession = Callable[[CommitLog], AbstractAsyncContextManager[AsyncSession]]

_ROLLED_BACK = frozenset(
    {Fault.SERIALIZATION, Fault.DEADLOCK, Fault.STALE_PLAN, Fault.CONNECTION_LOST}
)


class UnitOfWork(Generic[T]):
    """One unit of work and its attempts.

    Args:
        work: What is to be done in one transaction.
        open_session: Opens a fresh session, whose COMMITs go to the log.
        counter: Counts what becomes of it.
    """

    def __init__(self, work: Work[T], open_session: OpenSession, counter: RunCounter) -> None:
        self._work = work
        self._open_session = open_session
        self._counter = counter
        self._committed_itself = False

    async def attempt(self) -> T:
        """Do the work in a fresh session, and commit."""
        log = CommitLog()
        async with self._open_session(log) as session:
            try:
                result = await self._work(session)
            finally:
                self._committed_itself = log.begun > 0
            await session.commit()
        return result

    def can_run_again(self, error: BaseException) -> bool:
        """Whether nothing of the last attempt was committed and another one can succeed."""
        if self._committed_itself or isinstance(error, CommitUnknownError | PoolTimeout):
            return False
        if isinstance(error, ConnectError):
            return error.can_retry
        return fault_of(error) in _ROLLED_BACK

    def announce(self, error: BaseException, attempt: int, seconds: float) -> None:
        """Say and count that the work is run again."""
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
