"""The event loop and process that own a pool, and the tasks that the pool starts there.

Its timers and tasks run in an empty context: in the context of the caller that happened to start
them, they would log under that request's name, and keep its context variables alive.
"""

import asyncio
import os
import weakref
from collections.abc import Awaitable, Callable, Collection
from contextvars import Context
from dataclasses import dataclass
from threading import get_ident
from typing import Generic, TypeVar

from wellhead.errors import PoolMisuseError

T = TypeVar("T")

_forks = 0

_owners: "weakref.WeakSet[Owner]" = weakref.WeakSet()

# A garbage-collected asyncpg connection closes itself, and removes its socket from the event loop's
# epoll. A forked process shares that epoll: its parent would receive nothing any more.
_inherited: list[object] = []


def forks() -> int:
    """How often this process or one of its ancestors was forked."""
    return _forks


def _count_fork() -> None:
    global _forks  # noqa: PLW0603 - a fork concerns the process, not an object
    _forks += 1
    for owner in _owners:
        owner.loop, owner.thread = None, 0
        _inherited.extend(owner.held)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


@dataclass(frozen=True, slots=True)
class Advice:
    """The hints for a use from another event loop or process.

    Attributes:
        what: The object that was used, as the beginning of a sentence.
        elsewhere: The hint if its event loop is still running.
        ended: The hint if its event loop has ended.
        forked: The hint in a forked process.
        outside: The hint outside an event loop.
    """

    what: str
    elsewhere: str
    ended: str
    forked: str
    outside: str


def advice_for_pool(name: str) -> Advice:
    """The hints for a pool."""
    for_a_loop = (
        "Create an engine in each loop, or await engine.dispose() before the first loop ends."
    )
    return Advice(
        f"The pool {name!r}",
        elsewhere=for_a_loop,
        ended=for_a_loop,
        forked="Create the engine after the fork, or call engine.dispose(close=False) in the child "
        "first.",
        outside="Use it from a coroutine, with an engine from create_async_engine().",
    )


class Owner:
    """Binds a pool to the event loop that uses it first, and detects any other.

    A connection belongs to the loop that made it: used from another one it would wait forever.
    After a fork, two processes would write to the same sockets.

    Args:
        advice: The hints for a use from another event loop or process.
        held: The pool's connections, which a forked process keeps and never uses.

    Attributes:
        loop: The loop, once there is one; a forked process has none, even if it runs a loop that
            it inherited.
        thread: The identifier of the loop's thread; 0 while there is none.
        is_running: Whether the loop is running. No other loop can then run in its thread, and this
            check is cheaper than asking for the running loop, a system call in Python 3.11.
    """

    __slots__ = ("__weakref__", "_advice", "_forks", "held", "is_running", "loop", "thread")

    def __init__(self, advice: Advice, held: Collection[object] = ()) -> None:
        self._advice = advice
        self.held = held
        self._forks = _forks
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread = 0
        self.is_running: Callable[[], bool] = bool
        _owners.add(self)

    @property
    def is_forked(self) -> bool:
        """Whether the process was forked since the pool was created."""
        return self._forks != _forks

    @property
    def has_ended(self) -> bool:
        """Whether the owner's loop has ended, or belongs to a parent process."""
        return self.is_forked or (self.loop is not None and self.loop.is_closed())

    @property
    def is_here(self) -> bool:
        """Whether the caller runs in the owner's loop and process."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            return False
        return running is self.loop and self._forks == _forks

    def check(self) -> asyncio.AbstractEventLoop:
        """The owner's loop, in which the caller must run; the first caller's loop becomes it.

        Raises:
            PoolMisuseError: The caller runs in another loop, in none, or in a forked process.
        """
        advice = self._advice
        if self._forks != _forks:
            raise PoolMisuseError(
                f"{advice.what} was used in a process that was forked from its own.",
                hint=advice.forked,
            )
        try:
            running = asyncio.get_running_loop()
        except RuntimeError as error:
            raise PoolMisuseError(
                f"{advice.what} was used outside an event loop.", hint=advice.outside
            ) from error
        if running is not self.loop:
            if self.loop is not None:
                has_ended = self.loop.is_closed()
                raise PoolMisuseError(
                    f"{advice.what} was used from a different event loop"
                    f"{' than its own, which has ended' if has_ended else ''}.",
                    hint=advice.ended if has_ended else advice.elsewhere,
                )
            self.loop, self.thread, self.is_running = running, get_ident(), running.is_running
        return running


def later(seconds: float, method: Callable[[], None]) -> asyncio.TimerHandle:
    """Call a method after this many seconds, unless its object was garbage-collected."""
    return asyncio.get_running_loop().call_later(
        max(0.0, seconds), call, weakref.WeakMethod(method), context=Context()
    )


def call(method: "weakref.WeakMethod[Callable[[], None]]") -> None:
    """Call a method if its object still exists."""
    if (bound := method()) is not None:
        bound()


class Errand(Generic[T]):
    """A task for foreign code. It ends in time, whatever that code does.

    Args:
        work: Called in the task, and awaited.
        seconds: The time after which it is cancelled and abandoned.
        ended: Called once with the result of the work, or with its exception: an asyncio
            ``CancelledError`` only if the task was cancelled.
        late: Called with a result that arrives after it was abandoned.
        overdue: Makes the exception that is reported when it is abandoned.
    """

    __slots__ = ("_ended", "_late", "_overdue", "_task", "_timer")

    def __init__(
        self,
        work: Callable[[], Awaitable[T]],
        seconds: float,
        ended: Callable[["Errand[T]", T | None, BaseException | None], None],
        *,
        late: Callable[[T], None] | None = None,
        overdue: Callable[[], Exception] = TimeoutError,
    ) -> None:
        self._ended: Callable[[Errand[T], T | None, BaseException | None], None] | None = ended
        self._late = late
        self._overdue = overdue
        loop = asyncio.get_running_loop()
        # Not every task factory accepts a context.
        self._task = Context().run(loop.create_task, _outcome_of(work))
        self._timer = loop.call_later(seconds, self._give_up, context=Context())
        self._task.add_done_callback(self._end, context=Context())

    def cancel(self, within: float) -> None:
        """Cancel it, and abandon it if it has not ended within this many seconds."""
        self._task.cancel()
        self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(within, self._give_up, context=Context())

    def _give_up(self) -> None:
        self._task.cancel()
        self._report(None, self._overdue())

    def _end(self, task: "asyncio.Task[tuple[T, None] | tuple[None, BaseException]]") -> None:
        self._timer.cancel()
        value, error = (None, asyncio.CancelledError()) if task.cancelled() else task.result()
        if self._ended is not None:
            self._report(value, error)
        elif error is None and self._late is not None:
            self._late(value)  # type: ignore[arg-type]  # without an error there is a result

    def _report(self, value: T | None, error: BaseException | None) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(self, value, error)


async def _outcome_of(
    work: Callable[[], Awaitable[T]],
) -> tuple[T, None] | tuple[None, BaseException]:
    # Not a method: an object kept alive by a traceback would keep the traceback alive.
    try:
        return await work(), None
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        return None, error
    except BaseException as error:  # noqa: BLE001 - raised from a task it would stop the loop
        return None, error


def is_cancelled() -> bool:
    """Whether the running task is being cancelled; ``CancelledError`` has other causes, too."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
