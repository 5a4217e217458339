"""A whole unit of work, run again where it is certain that nothing of it was committed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead.errors import (
    CommitUnknownError,
    NotCommittedError,
    PoolTimeout,
    WellheadError,
    classify,
    fault_of,
)
from wellhead.retry import retry_until
from wellhead.sessions.commits import CommitLog
from wellhead.sessions.outcome import Outcome, Ticket
from wellhead.sessions.run_stats import RunCounter

logger = logging.getLogger(__package__)

T = TypeVar("T")

Work = Callable[[AsyncSession], Awaitable[T]]
OpenSession = Callable[[CommitLog], AbstractAsyncContextManager[AsyncSession]]
Ask = Callable[[Ticket], Awaitable[Outcome]]


class UnitOfWork(Generic[T]):
    """One unit of work and its attempts.

    Args:
        work: What is to be done in one transaction.
        open_session: Opens a fresh session, whose COMMITs go to the log.
        counter: Counts what becomes of it.
        deadline: Seconds after which no attempt begins.
        ask: Asks what became of a transaction; None where nobody is to ask.
    """

    def __init__(
        self,
        work: Work[T],
        open_session: OpenSession,
        counter: RunCounter,
        *,
        deadline: float,
        ask: Ask | None,
    ) -> None:
        self._work = work
        self._open_session = open_session
        self._counter = counter
        self._ends_at = asyncio.get_running_loop().time() + deadline
        self._ask = ask
        self._committed_itself = False

    async def run(self) -> T:
        """Do the work, again and again where that is safe and there is time."""
        self._counter.units += 1
        return await retry_until(
            self._ends_at,
            self._attempt,
            can_retry=self._can_run_again,
            announce=self._announce,
        )

    async def _attempt(self) -> T:
        log = CommitLog(wants_ticket=self._ask is not None)
        unknown: CommitUnknownError | None = None
        async with self._open_session(log) as session:
            try:
                result = await self._work(session)
            finally:
                self._committed_itself = log.begun > 0
            try:
                await session.commit()
            except CommitUnknownError as error:
                unknown = error
        if unknown is not None:
            await self._settle(unknown, log.ticket)
        return result

    def _can_run_again(self, error: BaseException) -> bool:
        if self._committed_itself or isinstance(error, PoolTimeout):
            # Whoever waited for a connection in vain has had its time.
            return False
        # A TimeoutError or an OSError of the work's own is no failure of the database.
        is_ours = isinstance(error, SQLAlchemyError | WellheadError)
        return is_ours and classify(error).can_run_again

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

    async def _settle(self, unknown: CommitUnknownError, ticket: Ticket | None) -> None:
        """Return when the COMMIT took effect.

        Raises:
            NotCommittedError: It did not.
            CommitUnknownError: That could not be found out.
        """
        if self._ask is None or ticket is None:
            raise unknown
        outcome = await self._find_out(self._ask, ticket, unknown)
        self._counter.count_outcome(outcome)
        logger.warning(
            "a COMMIT had no answer; looked up by its transaction id it is %s",
            outcome.replace("_", " "),
            extra={"event": "commit_resolved", "outcome": str(outcome)},
        )
        unknown.is_resolved = outcome in {Outcome.COMMITTED, Outcome.ROLLED_BACK}
        if outcome is Outcome.ROLLED_BACK:
            raise NotCommittedError(
                "The connection was lost during COMMIT, and nothing was committed."
            ) from unknown
        if outcome is Outcome.AMBIGUOUS:
            raise CommitUnknownError.after_restart() from unknown

    async def _find_out(self, ask: Ask, ticket: Ticket, unknown: CommitUnknownError) -> Outcome:
        async def attempt() -> Outcome:
            outcome = await ask(ticket)
            if outcome is Outcome.PENDING:
                raise _PendingError
            return outcome

        try:
            async with asyncio.timeout_at(self._ends_at):
                return await retry_until(self._ends_at, attempt, can_retry=_may_ask_again)
        except Exception as error:
            # Why nobody could be asked matters less than what is not known because of that.
            raise unknown from error


class _PendingError(Exception):
    """The server has not ended the transaction."""


def _may_ask_again(error: BaseException) -> bool:
    return isinstance(error, _PendingError) or classify(error).is_transient
