"""Passwords: hashed with Argon2id in worker threads, few at a time.

Every hash takes memory on purpose (64 MiB by default), so their number at one time is bounded,
and so is the queue before them: a storm of logins is refused, it does not eat the machine.
"""

import asyncio
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from argon2 import DEFAULT_HASH_LENGTH, DEFAULT_RANDOM_SALT_LENGTH
from argon2.low_level import ARGON2_VERSION
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from todo.errors import BusyError

T = TypeVar("T")

QUEUE_FACTOR = 16
"""How many may wait for each one that is being hashed: about a second's work."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password was right, and the hash to store instead of the old one, if any."""

    is_right: bool
    new_hash: str | None = field(default=None, repr=False)


class Passwords:
    """Hashes and verifies the passwords of one application.

    Args:
        time_cost: Passes over the memory.
        memory_kib: Memory of one hash in KiB.
        parallelism: Threads of one hash.
        concurrency: How many hashes at one time in this process; 16 times as many may wait.
    """

    def __init__(
        self, *, time_cost: int, memory_kib: int, parallelism: int, concurrency: int
    ) -> None:
        hasher = Argon2Hasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism)
        self._hasher = PasswordHash((hasher,))
        # Its threads are the bound: whoever stops waiting for one does not make room for another.
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="passwords")
        self._concurrency = concurrency
        self._asked: set[Future[Any]] = set()
        # Verified in place of an account that does not exist: that takes as long as with a real
        # hash, and no password that fits is known. It is made up, since making one takes as long.
        salt, digest = (
            b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
            for size in (DEFAULT_RANDOM_SALT_LENGTH, DEFAULT_HASH_LENGTH)
        )
        self._nobody = (
            f"$argon2id$v={ARGON2_VERSION}"
            f"$m={memory_kib},t={time_cost},p={parallelism}${salt}${digest}"
        )

    async def hash(self, password: str) -> str:
        """The hash to store; waits for its turn.

        Raises:
            BusyError: Too many are waiting already.
        """
        return await self._in_turn(lambda: self._hasher.hash(normalize(password)))

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """Compare a password with a stored hash, or with nobody's when there is none.

        Raises:
            BusyError: Too many are waiting already.
        """
        verdict = await self._in_turn(
            lambda: self._compare(normalize(password), stored or self._nobody)
        )
        return verdict if stored else Verdict(is_right=False)

    def _compare(self, password: str, stored: str) -> Verdict:
        try:
            is_right, new_hash = self._hasher.verify_and_update(password, stored)
        except UnknownHashError:
            return Verdict(is_right=False)
        return Verdict(is_right, new_hash)

    async def _in_turn(self, work: Callable[[], T]) -> T:
        waiting = len(self._asked) - self._concurrency
        if waiting >= self._concurrency * QUEUE_FACTOR:
            raise BusyError(
                f"{waiting} passwords are waiting to be checked already; try again in a moment.",
                code="busy",
                retry_after=1,
            )
        # Cancelled before its turn it leaves the queue, and after that only when it is done.
        asked = self._threads.submit(work)
        self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)
        return await asyncio.wrap_future(asked)


def normalize(password: str) -> str:
    """The same characters however the keyboard composed them (NFKC, as NIST SP 800-63B says)."""
    return unicodedata.normalize("NFKC", password)
