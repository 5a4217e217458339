"""What keeps a server alive: the locks of its owners, and the watcher that waits for them."""

import fcntl
import os
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wellhead.embedded import watch
from wellhead.embedded.account import Account, plain_environment
from wellhead.errors import EmbeddedError

_LOCK_SECONDS = 150.0
_POLL_SECONDS = 0.05


class Ownership:
    """This process's share in the server of one directory.

    The share ends with the process, however it ends. A forked child does not inherit it.
    """

    def __init__(self, home: Path, account: Account) -> None:
        self._home = home
        self._account = account
        self._owners: int | None = None
        _all.add(self)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Exclude all other processes from starting or stopping this server.

        Raises:
            EmbeddedError: Another process has held the lock for 150 seconds.
        """
        descriptor = self._open(watch.START_LOCK)
        try:
            deadline = time.monotonic() + _LOCK_SECONDS
            while not watch.try_lock(descriptor, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"Another process has been starting or stopping the server in {self._home}"
                        f" for {_LOCK_SECONDS:.0f} seconds.",
                        hint=f"See {self._home / 'server.log'}, or terminate that process.",
                    )
                time.sleep(_POLL_SECONDS)
            yield
        finally:
            # A child forked in the meantime keeps the file open, but not the lock.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def take(self) -> None:
        """Become an owner and make sure that a watcher runs; call it inside `exclusive`."""
        if self._owners is None:
            owners = self._open(watch.OWNERS_LOCK)
            # A watcher holds the exclusive lock only for the moment in which it finds it free.
            fcntl.flock(owners, fcntl.LOCK_SH)
            self._owners = owners
        descriptor = self._open(watch.WATCH_LOCK)
        try:
            if watch.try_lock(descriptor, fcntl.LOCK_EX):
                self._start_watcher(descriptor)
        finally:
            os.close(descriptor)

    def give_up(self) -> bool:
        """End the share; returns whether it was the last. Call it inside `exclusive`."""
        owners, self._owners = self._owners, None
        if owners is None:
            return False
        fcntl.flock(owners, fcntl.LOCK_UN)
        was_last = watch.try_lock(owners, fcntl.LOCK_EX)
        os.close(owners)
        return was_last

    @property
    def is_held(self) -> bool:
        """Whether this process is an owner now."""
        return self._owners is not None

    def forget(self) -> None:
        """Close an inherited lock without releasing it, in a forked child."""
        owners, self._owners = self._owners, None
        if owners is not None:
            with suppress(OSError):
                os.close(owners)

    def _open(self, name: str) -> int:
        path = self._home / name
        is_new = not path.exists()
        descriptor = watch.open_lock(path)
        if is_new:
            self._account.give(path, mode=0o600)
        return descriptor

    def _start_watcher(self, lock: int) -> None:
        # The watcher inherits the file descriptor and with it the lock: at every moment one of the
        # two processes holds it. Its own session protects it from the terminal's Ctrl-C.
        watcher = subprocess.run(  # noqa: S603 - our own interpreter and our own file
            [sys.executable, "-I", "-S", watch.__file__, self._home, str(lock)],
            env=plain_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[lock],
            start_new_session=True,
            check=False,
        )
        if watcher.returncode != 0:
            raise EmbeddedError(
                f"The process that would stop the server in {self._home} after us did not start:"
                f" {sys.executable} ended with {watcher.returncode}."
            )


_all: weakref.WeakSet[Ownership] = weakref.WeakSet()


def _forget_all() -> None:
    for ownership in list(_all):
        ownership.forget()


os.register_at_fork(after_in_child=_forget_all)
