"""How many logins this machine can handle: the cost of Argon2 decides, so it is measured."""

import asyncio
import time
from dataclasses import dataclass

from todo.accounts.passwords import Passwords


@dataclass(frozen=True, slots=True)
class Capacity:
    """The capacity of one process.

    Attributes:
        logins: Passwords that were checked.
        seconds: How long that took.
        at_once: How many were checked at the same time.
    """

    logins: int
    seconds: float
    at_once: int

    @property
    def per_second(self) -> float:
        """Logins per second."""
        return self.logins / self.seconds

    @property
    def milliseconds(self) -> float:
        """How long one login waits for its hash, while as many others as allowed are hashed."""
        return self.seconds * 1000 * self.at_once / self.logins


async def measure(passwords: Passwords, *, at_once: int, seconds: float = 1.0) -> Capacity:
    """Check passwords for this many seconds, at least one per thread, and count them."""
    began = time.perf_counter()

    async def check() -> int:
        checked = 0
        while not checked or time.perf_counter() - began < seconds:
            await passwords.verify("", None)
            checked += 1
        return checked

    async with asyncio.TaskGroup() as group:
        places = [group.create_task(check()) for _ in range(at_once)]
    logins = sum(place.result() for place in places)
    return Capacity(logins, time.perf_counter() - began, at_once)
