"""COMMITs after the response: refused beforehand, or reported if it is too late for that.

FastAPI ends a dependency of the default scope, ``request``, after the response was sent. If it
commits then, a failure hides behind a success status.
"""

import asyncio
import logging
import sys
from contextlib import AsyncExitStack
from types import FrameType
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.orm.session import _new_sessionid
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.types import Scope

from wellhead.errors import LateCommitError
from wellhead.fastapi.targets import route_of
from wellhead.sessions.commits import Commits

logger = logging.getLogger("wellhead.fastapi")

_MEND = (
    "Use SessionDep or session_of(database), or give the dependency that opens it "
    'scope="function": Depends(..., scope="function").'
)


def has_changes(session: AsyncSession) -> bool:
    """Whether a session has objects to add, change or delete that it has not sent yet."""
    return bool(session.new or session.dirty or session.deleted)


class LateCommits:
    """What a request would commit after its response has begun.

    Args:
        scope: The request's ASGI scope.
        commits: Its COMMITs.
        told: The routes already reported in the log; added to.
        task: The request's task.

    Attributes:
        refusal: Why the response was refused, or None.
    """

    __slots__ = ("_commits", "_mark", "_pending", "_scope", "_task", "_told", "refusal")

    def __init__(
        self, scope: Scope, commits: Commits, told: set[str], task: asyncio.Task[Any]
    ) -> None:
        self._scope = scope
        self._commits = commits
        self._told = told
        self._task = task
        self.refusal: Exception | None = None

    async def refuse(self) -> None:
        """Refuse the response while a session of the request is open that has changes to commit.

        Sessions that another task opened do not count.

        Raises:
            LateCommitError: There is one.
        """
        for session, owner in tuple(self._commits.sessions.items()):
            if owner is not self._task:
                continue
            try:
                await self._refuse(session)
            except Exception as error:
                self.refusal = error
                raise

    async def _refuse(self, session: AsyncSession) -> None:
        if has_changes(session) or (self._commits.changes.pending and await _has_written(session)):
            raise LateCommitError(
                "A session was still open when the response was about to begin, and would have "
                "been committed after it; it is rolled back.",
                hint=_MEND,
            )

    def tell_from_now_on(self) -> None:
        """Log what the request's dependencies commit when they end, once for each route.

        Only work begun before the response counts. What they open and commit after it is their own
        affair, and so is the work of the response itself, as a stream or a background task.
        """
        stack = self._scope.get("fastapi_inner_astack")
        # Most requests have no dependency that ends after the response.
        if not (isinstance(stack, AsyncExitStack) and stack._exit_callbacks):  # type: ignore[attr-defined] # noqa: SLF001 - tests/test_undocumented_names.py
            return
        # Sessions are numbered as they are created.
        self._mark, self._pending = _new_sessionid(), frozenset(self._commits.changes.pending)
        # The last callback on the stack runs first: after the response, before the dependencies.
        stack.push(self._watch)

    def end(self) -> None:
        """Stop reporting: the request's dependencies have ended."""
        self._commits.on_late_commit = None
        # The response to a refusal pushes to a stack that has ended.
        self._scope = {}

    def _watch(self, *_: object) -> None:
        self._commits.on_late_commit = self._tell

    def _tell(self, database: object) -> None:
        if asyncio.current_task() is not self._task:
            return
        session = _committing_session(sys._getframe(1))  # noqa: SLF001 - within the greenlet
        if session is not None:
            is_late = session.hash_key < self._mark
        else:
            is_late = database in self._pending
        route = route_of(self._scope)
        if not is_late or route in self._told:
            return
        self._told.add(route)
        logger.error(
            "%s: work begun before the response is committed after it, where a failed COMMIT "
            "cannot be reported to the client. %s",
            route,
            _MEND,
            extra={"event": "commit_after_response", "route": route},
        )


async def _has_written(session: AsyncSession) -> bool:
    if not session.in_transaction():
        return False
    connection = await session.connection()
    if connection.dialect.name != "postgresql":
        return False
    # Pending objects may be another session's, or only look like a change.
    return await connection.scalar(select(func.txid_current_if_assigned())) is not None


def _committing_session(frame: FrameType | None) -> Session | None:
    while frame is not None:
        transaction = frame.f_locals.get("self")
        if isinstance(transaction, SessionTransaction):
            return transaction.session
        frame = frame.f_back
    return None
