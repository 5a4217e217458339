"""The time that a task has for its work, and the cancellation of work that is no longer needed.

The task is cancelled like by ``asyncio.timeout``, with two differences: after and during a COMMIT,
the task gets a moment to finish and to report it; and a task that cannot end, because a server does
not respond to its cancel request, is cancelled a second time.
"""

import asyncio
from contextvars import Context, ContextVar
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from wellhead.errors.groups import leaves_of
from wellhead.sessions.commits import Commits, current_commits

COMMIT_GRACE = 0.4
"""Seconds that a COMMIT in progress has to finish, and the response to begin."""

END_GRACE = 0.6
"""Seconds after the deadline until the task is cancelled again, if it has not ended by then.

Until then the server may confirm that it has cancelled the query. After a client disconnect no
response is needed, and the server has as long as the driver gives it.
"""

# The exceptions with which cancelled work may end, also several of them together.
_ENDS = (Exception, asyncio.CancelledError)


class Ending(StrEnum):
    """Why work was cancelled."""

    TIMEOUT = "timeout"
    GONE = "gone"


class Deadline:
    """The time that the running task has for a block.

    Args:
        seconds: The limit, from the beginning; None for no limit.
        began: The event loop's time of the beginning; None for now.

    Attributes:
        loop: The running event loop.
        task: The running task.
        began: The event loop's time of the beginning.
        ending: Why the block was cancelled, or None.
        is_over: Whether the task was cancelled.
        commits: The outcomes of the block's COMMITs.
        error: What the block raised when it was cancelled, if anything else.
    """

    def __init__(self, seconds: float | None, *, began: float | None = None) -> None:
        self.ending: Ending | None = None
        self.is_over = False
        self.commits = Commits(current_commits.get())
        self.error: Exception | None = None
        self.loop = loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 - only created inside a task
        self.task = task
        self.began = loop.time() if began is None else began
        self._seconds = seconds
        self._alarms: list[asyncio.TimerHandle] = []
        self._is_on = False
        self._around: Deadline | None = None
        self._cancels = 0
        self._cancels_of_others = 0

    def __enter__(self) -> Self:
        self._is_on = True
        self._cancels_of_others = self.task.cancelling()
        self._around = current_deadline.get()
        current_deadline.set(self)
        current_commits.set(self.commits)
        if self._seconds is not None:
            self.set_alarm(self.began + self._seconds)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        was_on, task = self._is_on, self.task
        self.lift()
        current_deadline.set(self._around)
        current_commits.set(self.commits.around)
        if not (was_on and self._cancels):
            return False
        for _ in range(self._cancels):
            task.uncancel()
        # Any exception counts as a result of this cancellation, but not of a foreign one.
        self.error = error if isinstance(error, Exception) else None
        is_ours = task.cancelling() <= self._cancels_of_others
        leaves = leaves_of(error) if error is not None else ()
        return is_ours and all(isinstance(each, _ENDS) for each in leaves)

    @property
    def route(self) -> str | None:
        """The route whose work this is, such as ``GET /tasks/{id}``, or None."""
        return None

    @property
    def seconds(self) -> float | None:
        """The limit, from the beginning of the block, or None."""
        return self._seconds

    def move(self, seconds: float | None) -> None:
        """Set another limit, from the beginning of the block; None for no limit."""
        if not self._is_on or self.ending is not None:
            return
        self._seconds = seconds
        self._forget_alarms()
        if seconds is not None:
            self.set_alarm(self.began + seconds)

    def set_alarm(self, when: float) -> None:
        """Cancel the block at this time of the loop."""
        # A loop keeps a timer's context until the timer is due, even if it was cancelled.
        alarm = self.loop.call_at(when, self.end, Ending.TIMEOUT, context=Context())
        self._alarms.append(alarm)

    def lift(self) -> None:
        """Let the block take as long as it likes from now on, and never cancel it."""
        self._forget_alarms()
        self._is_on = False

    def end(self, ending: Ending) -> None:
        """Cancel the block; does nothing if the limit was lifted, or if that has happened."""
        if not self._is_on or self.ending is not None:
            return
        self.ending = ending
        self._forget_alarms()
        now = self.loop.time()
        if ending is Ending.TIMEOUT:
            self._alarms.append(self.loop.call_at(now + END_GRACE, self._cancel, context=Context()))
        if self.commits.under_way or self.commits.succeeded:
            self._alarms.append(
                self.loop.call_at(now + COMMIT_GRACE, self._cancel, context=Context())
            )
        else:
            self._cancel()

    def cancel(self, task: asyncio.Task[Any]) -> None:
        """Cancel the block's task; called once or twice."""
        task.cancel()

    def _cancel(self) -> None:
        if not self._is_on:
            return
        self._cancels += 1
        self.is_over = True
        self.cancel(self.task)

    def _forget_alarms(self) -> None:
        while self._alarms:
            self._alarms.pop().cancel()


current_deadline: ContextVar[Deadline | None] = ContextVar("wellhead_deadline", default=None)
"""The deadline of the running task and of the tasks that it started."""
