"""To whom a pool belongs: one event loop of one process."""

import asyncio
import os
import weakref
from collections.abc import Callable
from threading import get_ident

from wellhead.errors import PoolMisuseError

_forks = 0

_owners: "weakref.WeakSet[Owner]" = weakref.WeakSet()


def _count_fork() -> None:
    global _forks  # noqa: PLW0603 - the operating system forks the process, not an object
    _forks += 1
    for owner in _owners:
        owner.loop, owner.thread = None, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


class Owner:
    """Binds a pool to the event loop that uses it first, and notices every other.

    A connection belongs to the loop that made it: used from another one it would wait for ever.
    After a fork two processes would write into the same sockets.

    Attributes:
        loop: The loop, once there is one; a forked process has none, even where it runs a loop that
            it inherited.
        thread: The identifier of the loop's thread; 0 while there is none.
        is_running: Whether the loop runs. In its thread no other can then, and to ask this costs
            less than to ask for the running loop: Python 3.11 makes a system call for that.
    """

    __slots__ = ("__weakref__", "_forks", "_name", "is_running", "loop", "thread")

    def __init__(self, name: str) -> None:
        self._name = name
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
                    hint="Make an engine in each loop, or await engine.dispose() before the first "
                    "loop ends.",
                )
            self.loop, self.thread, self.is_running = running, get_ident(), running.is_running
        return running
