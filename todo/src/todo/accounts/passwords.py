"""Passwords: hashed with Argon2id in worker threads, few at a time.

Every hash takes memory on purpose (64 MiB by default), so their number at one time is bounded,
and so is the queue before them: a storm of logins is refused, it does not eat the machine.
"""

import secrets
import unicodedata
from base64 import b64encode
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread
from argon2 import DEFAULT_HASH_LENGTH, DEFAULT_RANDOM_SALT_LENGTH
from argon2.low_level import ARGON2_VERSION
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from todo.errors import BusyError

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
        self._limiter = CapacityLimiter(concurrency)
        self._most_waiting = concurrency * QUEUE_FACTOR
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
        self._refuse_a_storm()
        return await to_thread.run_sync(
            self._hasher.hash, normalize(password), limiter=self._limiter
        )

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """Compare a password with a stored hash, or with nobody's when there is none.

        Raises:
            BusyError: Too many are waiting already.
        """
        self._refuse_a_storm()
        verdict = await to_thread.run_sync(
            self._compare, normalize(password), stored or self._nobody, limiter=self._limiter
        )
        return verdict if stored else Verdict(is_right=False)

    def _compare(self, password: str, stored: str) -> Verdict:
        try:
            is_right, new_hash = self._hasher.verify_and_update(password, stored)
        except UnknownHashError:
            return Verdict(is_right=False)
        return Verdict(is_right, new_hash)

    def _refuse_a_storm(self) -> None:
        waiting = self._limiter.statistics().tasks_waiting
        if waiting >= self._most_waiting:
            raise BusyError(
                f"{waiting} passwords are waiting to be checked already; try again in a moment.",
                code="busy",
                retry_after=1,
            )


def normalize(password: str) -> str:
    """The same characters however the keyboard composed them (NFKC, as NIST SP 800-63B says)."""
    return unicodedata.normalize("NFKC", password)
