"""Passwords: hashed with Argon2id in worker threads, a few at a time.

Every hash uses much memory on purpose (19 MiB by default), so the number of concurrent hashes is
limited, and so is their queue: a storm of logins is refused instead of exhausting the machine.

A failed login takes the same work for every address, known or not. Stored hashes differ in cost
once the settings have changed, so each failure takes the work of the costliest one.
"""

import asyncio
import math
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from argon2 import (
    DEFAULT_HASH_LENGTH,
    DEFAULT_RANDOM_SALT_LENGTH,
    Parameters,
    Type,
    extract_parameters,
)
from argon2.exceptions import InvalidHashError
from argon2.low_level import ARGON2_VERSION, hash_secret_raw
from pwdlib.hashers.argon2 import Argon2Hasher

from todo.errors import BusyError

T = TypeVar("T")

QUEUE_FACTOR = 16
"""How many may queue for each thread: a few seconds' work."""

LEAST_MEMORY_KIB = 8
"""The memory that Argon2 needs for each thread of a hash (RFC 9106, section 3.1)."""


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
        concurrency: How many hashes at a time in this process; 16 times as many may queue.
    """

    def __init__(
        self, *, time_cost: int, memory_kib: int, parallelism: int, concurrency: int
    ) -> None:
        self._hasher = Argon2Hasher(
            time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism
        )
        self._wanted = self._costliest = Parameters(
            type=Type.ID,
            version=ARGON2_VERSION,
            salt_len=DEFAULT_RANDOM_SALT_LENGTH,
            hash_len=DEFAULT_HASH_LENGTH,
            time_cost=time_cost,
            memory_cost=memory_kib,
            parallelism=parallelism,
        )
        # Its threads are the limit: a caller that stops waiting for one does not free it.
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="passwords")
        self._concurrency = concurrency
        self._asked: set[Future[Any]] = set()

    async def hash(self, password: str) -> str:
        """The hash to store; waits for its turn.

        Raises:
            BusyError: Too many are waiting already.
        """
        return await self._in_turn(lambda: self._hasher.hash(normalize(password)))

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """Compare a password with a stored hash, or with a fake one if there is none.

        A hash that took less work than the settings require is to be replaced; one that took more
        is kept.

        Raises:
            BusyError: Too many are waiting already.
        """
        return await self._in_turn(lambda: self._compare(normalize(password), stored))

    def _compare(self, password: str, stored: str | None) -> Verdict:
        try:
            taken = extract_parameters(stored or "")
        except InvalidHashError:
            stored, taken = None, self._costliest
        is_right = self._hasher.verify(password, stored or made_up(taken))
        self._costliest = max(self._costliest, taken, key=work)
        if stored is None or not is_right:
            self._spend(work(self._costliest) - work(taken))
            return Verdict(is_right=False)
        is_outdated = (taken.type, taken.version) != (self._wanted.type, self._wanted.version)
        if is_outdated or work(taken) < work(self._wanted):
            return Verdict(is_right=True, new_hash=self._hasher.hash(password))
        return Verdict(is_right=True)

    def _spend(self, missing: int) -> None:
        passes = math.ceil(missing / self._costliest.memory_cost)
        if passes:
            hash_secret_raw(
                secret=b"",
                salt=bytes(self._costliest.salt_len),
                time_cost=passes,
                memory_cost=max(missing // passes, LEAST_MEMORY_KIB * self._costliest.parallelism),
                parallelism=self._costliest.parallelism,
                hash_len=self._costliest.hash_len,
                type=Type.ID,
            )

    async def _in_turn(self, work: Callable[[], T]) -> T:
        waiting = len(self._asked) - self._concurrency
        if waiting >= self._concurrency * QUEUE_FACTOR:
            raise BusyError(
                f"{waiting} passwords are already waiting to be checked; try again in a moment.",
                code="busy",
                retry_after=1,
            )
        # Cancelled while queued, it leaves the queue; later, only when it is done.
        asked = self._threads.submit(work)
        self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)
        return await asyncio.wrap_future(asked)


def normalize(password: str) -> str:
    """The same characters however the keyboard composed them (NFKC, as NIST SP 800-63B says)."""
    return unicodedata.normalize("NFKC", password)


def work(parameters: Parameters) -> int:
    """The cost of computing a hash: its memory in KiB, times the passes over it."""
    return parameters.memory_cost * parameters.time_cost


def made_up(parameters: Parameters) -> str:
    """A hash that takes as long as a real one, and that matches no known password.

    Drawn at random, not computed: computing it would take as long again.
    """
    salt, digest = (
        b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
        for size in (parameters.salt_len, parameters.hash_len)
    )
    return (
        f"$argon2id$v={ARGON2_VERSION}$m={parameters.memory_cost},t={parameters.time_cost},"
        f"p={parameters.parallelism}${salt}${digest}"
    )
