"""The time that a task has for its work, and the end of work that nobody waits for any more.

The task is cancelled, as ``asyncio.timeout`` does it, with two differences: a COMMIT that is under
way gets a moment to finish, and a task that cannot end, because a server does not answer its
request to cancel, is cancelled once more.
"""

import asyncio
from contextvars import ContextVar, Token
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from wellhead.errors import CommitUnknownError

COMMIT_GRACE = 0.4
"""Seconds that a COMMIT under way has to finish, and the answer to begin."""

END_GRACE = 0.6
"""Seconds after the deadline until the task is cancelled again, if the first did not end it.

Until then the server may confirm that it has cancelled the query. Where the client has gone nobody
waits for the answer, and the server has as long as the driver gives it.
"""

_COMMITTING = "wellhead_committing"


class Ending(StrEnum):
    """Why work was ended before it was done."""

    TIMEOUT = "timeout"
    GONE = "gone"


class Deadline:
    """The time that the running task has for a block.

    Args:
        seconds: From now; None for no limit.

    Attributes:
        ending: Why the block was ended, or None.
        cut_commit: Whether a COMMIT may have taken effect that nobody knows of: one that was under
            way when the block was cancelled, or an earlier one whose outcome is still unknown.
        error: What the block raised when it was cancelled, where that is something else.
    """

    def __init__(self, seconds: float | None) -> None:
        self.ending: Ending | None = None
        self.cut_commit = False
        self.error: Exception | None = None
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._seconds = seconds
        self._alarms: list[asyncio.TimerHandle] = []
        self._task: asyncio.Task[Any] | None = None
        self._token: Token[Deadline | None] | None = None
        self._commits: list[dict[Any, Any]] = []
        self._unknown: list[CommitUnknownError] = []
        self._cancels = 0
        self._cancels_of_others = 0

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        assert self._task is not None  # noqa: S101 - nobody enters outside of a task
        self._cancels_of_others = self._task.cancelling()
        self._token = current_deadline.set(self)
        self.move(self._seconds)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        task = self._task
        self.lift()
        if self._token is not None:
            current_deadline.reset(self._token)
        if task is None or not self._cancels:
            return False
        for _ in range(self._cancels):
            task.uncancel()
        # Whatever it ended in, it ended because of the cancelling; but not somebody else's.
        self.error = error if isinstance(error, Exception) else None
        is_ours = task.cancelling() <= self._cancels_of_others
        return is_ours and (kind is None or issubclass(kind, Exception | asyncio.CancelledError))

    @property
    def is_over(self) -> bool:
        """Whether the task was cancelled."""
        return self._cancels > 0

    @property
    def seconds(self) -> float | None:
        """The limit, from the beginning of the block; None for none."""
        return self._seconds

    def move(self, seconds: float | None) -> None:
        """Set another limit, from the beginning of the block; None for none."""
        if self._task is None or self.ending is not None:
            return
        self._seconds = seconds
        self._forget_alarms()
        if seconds is not None:
            ends_at = self._began + seconds
            self._alarms.append(self._loop.call_at(ends_at, self.end, Ending.TIMEOUT))

    def lift(self) -> None:
        """Let the block take as long as it likes from now on, and never end it."""
        self._forget_alarms()
        self._task = None

    def end(self, ending: Ending) -> None:
        """End the block; does nothing where that was lifted, or has happened."""
        if self._task is None or self.ending is not None:
            return
        self.ending = ending
        self._forget_alarms()
        now = self._loop.time()
        if ending is Ending.TIMEOUT:
            self._alarms.append(self._loop.call_at(now + END_GRACE, self._cancel))
        if self._is_committing():
            self._alarms.append(self._loop.call_at(now + COMMIT_GRACE, self._cancel))
        else:
            self._cancel()

    def note_commit(self, marks: dict[Any, Any]) -> None:
        """Take note of a COMMIT that is about to be sent; it is over when the marks say so."""
        marks[_COMMITTING] = self
        if all(known is not marks for known in self._commits):
            self._commits.append(marks)

    def note_unknown(self, error: CommitUnknownError) -> None:
        """Take note of a COMMIT that was not answered; it counts until the error is resolved."""
        self._unknown.append(error)

    def _leaves_open(self) -> bool:
        return self._is_committing() or any(not error.is_resolved for error in self._unknown)

    def _is_committing(self) -> bool:
        return any(marks.get(_COMMITTING) is self for marks in self._commits)

    def _cancel(self) -> None:
        if self._task is None:
            return
        self._cancels += 1
        self.cut_commit |= self._leaves_open()
        self._task.cancel()

    def _forget_alarms(self) -> None:
        while self._alarms:
            self._alarms.pop().cancel()


current_deadline: ContextVar[Deadline | None] = ContextVar("wellhead_deadline", default=None)
"""The deadline of the running task, and of the tasks that it started."""


def watch_commits_for_deadlines(engine: AsyncEngine) -> None:
    """Let deadlines know of the COMMITs of this engine that are under way."""

    @event.listens_for(engine.sync_engine, "commit")
    def begin(connection: Connection) -> None:
        deadline = current_deadline.get()
        if deadline is not None:
            deadline.note_commit(connection.info)

    @event.listens_for(engine.sync_engine, "begin")
    def begin_another(connection: Connection) -> None:
        connection.info.pop(_COMMITTING, None)

    @event.listens_for(engine.sync_engine, "checkin")
    def finish(dbapi_connection: object, record: Any) -> None:
        del dbapi_connection
        record.info.pop(_COMMITTING, None)
