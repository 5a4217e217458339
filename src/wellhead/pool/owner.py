"""To whom a pool belongs, one event loop of one process, and what the pool starts there by itself.

Its timers and tasks run in an empty context: in that of the caller who happened to start them they
would log under another request's name, and keep alive what that request has set.
"""

import asyncio
import os
import weakref
from collections.abc import Awaitable, Callable, Collection
from contextvars import Context
from threading import get_ident
from typing import Generic, TypeVar

from wellhead.errors import PoolMisuseError

T = TypeVar("T")

_forks = 0

_owners: "weakref.WeakSet[Owner]" = weakref.WeakSet()

# A connection of asyncpg that is forgotten ends itself, and takes its socket from what the event
# loop watches. A forked process watches by the same epoll: its parent would hear nothing any more.
_inherited: list[object] = []


def forks() -> int:
    """How often the process, or one that it comes from, was forked."""
    return _forks


def _count_fork() -> None:
    global _forks  # noqa: PLW0603 - the operating system forks the process, not an object
    _forks += 1
    for owner in _owners:
        owner.loop, owner.thread = None, 0
        _inherited.extend(owner.held)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


class Owner:
    """Binds a pool to the event loop that uses it first, and notices every other.

    A connection belongs to the loop that made it: used from another one it would wait for ever.
    After a fork two processes would write into the same sockets.

    Args:
        name: The pool's name.
        held: The pool's connections, which a forked process keeps and never uses.

    Attributes:
        loop: The loop, once there is one; a forked process has none, even where it runs a loop that
            it inherited.
        thread: The identifier of the loop's thread; 0 while there is none.
        is_running: Whether the loop runs. In its thread no other can then, and to ask this costs
            less than to ask for the running loop: Python 3.11 makes a system call for that.
    """

    __slots__ = ("__weakref__", "_forks", "_name", "held", "is_running", "loop", "thread")

    def __init__(self, name: str, held: Collection[object]) -> None:
        self._name = name
        self.held = held
        self._forks = _forks
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread = 0
        self.is_running: Callable[[], bool] = bool
        _owners.add(self)

    @property
    def is_forked(self) -> bool:
        """Whether the process was forked since the pool was made."""
        return self._forks != _forks

    @property
    def is_here(self) -> bool:
        """Whether the caller runs in the owner's loop and process."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            return False
        return running is self.loop and self._forks == _forks

    def check(self) -> asyncio.AbstractEventLoop:
        """The owner's loop, in which the caller runs; the first caller's loop becomes it.

        Raises:
            PoolMisuseError: The caller runs in another loop, in none, or in a forked process.
        """
        if self._forks != _forks:
            raise PoolMisuseError(
                f"The pool {self._name!r} was used in a process that was forked from its own.",
                hint="Make the engine after the fork, or call engine.dispose(close=False) in the "
                "child first.",
            )
        try:
            running = asyncio.get_running_loop()
        except RuntimeError as error:
            raise PoolMisuseError(
                f"The pool {self._name!r} was used outside an event loop.",
                hint="Use it from a coroutine, with an engine of create_async_engine().",
            ) from error
        if running is not self.loop:
            if self.loop is not None:
                raise PoolMisuseError(
                    f"The pool {self._name!r} was used from another event loop than its own.",
                    hint="Open the database in each loop, or await engine.dispose() before the "
                    "first loop ends. In tests, a database that is open for the whole session "
                    "needs one loop for the session, too: with pytest-asyncio, loop_scope="
                    '"session" for tests and fixtures.',
                )
            self.loop, self.thread, self.is_running = running, get_ident(), running.is_running
        return running


def later(seconds: float, method: Callable[[], None]) -> asyncio.TimerHandle:
    """Call a method in so many seconds, unless its object has been forgotten by then."""
    return asyncio.get_running_loop().call_later(
        max(0.0, seconds), call, weakref.WeakMethod(method), context=Context()
    )


def call(method: "weakref.WeakMethod[Callable[[], None]]") -> None:
    """Call a method if its object is still there."""
    if (bound := method()) is not None:
        bound()


class Errand(Generic[T]):
    """A task for code that is not the pool's. It ends in time, whatever that code does.

    Args:
        work: Called in the task, and awaited.
        seconds: After which it is cancelled and given up.
        ended: Called once with what the work returned, or with what it raised: an asyncio
            ``CancelledError`` only where the task was cancelled.
        late: Called with what the work returned after it was given up.
    """

    __slots__ = ("_ended", "_late", "_task", "_timer")

    def __init__(
        self,
        work: Callable[[], Awaitable[T]],
        seconds: float,
        ended: Callable[["Errand[T]", T | None, BaseException | None], None],
        *,
        late: Callable[[T], None] | None = None,
    ) -> None:
        self._ended: Callable[[Errand[T], T | None, BaseException | None], None] | None = ended
        self._late = late
        loop = asyncio.get_running_loop()
        # Not every task factory takes a context.
        self._task = Context().run(loop.create_task, _outcome_of(work))
        self._timer = loop.call_later(seconds, self._give_up, context=Context())
        self._task.add_done_callback(self._end, context=Context())

    def cancel(self, within: float) -> None:
        """Cancel it, and give it up unless that ends it within so many seconds."""
        self._task.cancel()
        self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(within, self._give_up, context=Context())

    def _give_up(self) -> None:
        self._task.cancel()
        self._report(None, TimeoutError())

    def _end(self, task: "asyncio.Task[tuple[T, None] | tuple[None, BaseException]]") -> None:
        self._timer.cancel()
        value, error = (None, asyncio.CancelledError()) if task.cancelled() else task.result()
        if self._ended is not None:
            self._report(value, error)
        elif error is None and self._late is not None:
            self._late(value)  # type: ignore[arg-type]  # without an error it is the result

    def _report(self, value: T | None, error: BaseException | None) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(self, value, error)


async def _outcome_of(
    work: Callable[[], Awaitable[T]],
) -> tuple[T, None] | tuple[None, BaseException]:
    # Not a method: what a traceback keeps alive would keep the traceback alive.
    try:
        return await work(), None
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        return None, error
    except BaseException as error:  # noqa: BLE001 - out of a task it would end the loop
        return None, error


def is_cancelled() -> bool:
    """Whether somebody cancels the running task; a ``CancelledError`` may come from elsewhere."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
