"""Clients that read, all the time, what others were told is there."""

import asyncio
import random
import time
from collections import Counter

import httpx2

from bench.faults.answers import broken, read
from bench.faults.clients import Door
from bench.faults.ledger import Answer, Ledger, Outcome
from wellhead.fastapi.read_after import HEADER

READERS = 4

_PAUSE = (0.05, 0.15)
_NOT_FOUND = "404"


class Readers:
    """Clients that ask for the task that was acknowledged last, each at its own process.

    They have the mark of the client that wrote it, where the application gave one.

    Args:
        door: Where they read.
        ledger: What the clients that write were told.
        rng: Decides about pauses.
        patience: Seconds after which one gives up waiting.

    Attributes:
        answers: How each request ended.
    """

    def __init__(self, door: Door, ledger: Ledger, rng: random.Random, *, patience: float) -> None:
        self.answers: list[Answer] = []
        self._door = door
        self._ledger = ledger
        self._rng = rng
        self._patience = patience
        self._stopped = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start all of them."""
        self._tasks = [asyncio.create_task(self._work(number)) for number in range(READERS)]

    async def stop(self) -> None:
        """Wait until the last request of each has ended."""
        self._stopped.set()
        await asyncio.gather(*self._tasks)

    @property
    def stale(self) -> int:
        """How often a task was not found that had been acknowledged before the question."""
        return sum(answer.words.startswith(_NOT_FOUND) for answer in self.answers)

    def failures(self) -> Counter[str]:
        """What they saw instead of a task or of nothing, and how often."""
        return Counter(
            f"{answer.words} for a read"
            for answer in self.answers
            if answer.outcome is not Outcome.ACKNOWLEDGED
            and not answer.words.startswith(_NOT_FOUND)
        )

    async def _work(self, number: int) -> None:
        async with self._door.connect(number) as client:
            while not self._stopped.is_set():
                if (write := self._newest()) is not None:
                    self.answers.append(await self._read(client, write))
                await asyncio.sleep(self._rng.uniform(*_PAUSE))

    def _newest(self) -> Answer | None:
        posts = (write.post for write in reversed(self._ledger.writes))
        return next((post for post in posts if post.task_id is not None), None)

    async def _read(self, client: httpx2.AsyncClient, written: Answer) -> Answer:
        began = time.monotonic()
        headers = {} if written.mark is None else {HEADER: written.mark}
        try:
            async with asyncio.timeout(self._patience):
                path = f"{self._door.tasks}/{written.task_id}"
                response = await client.get(path, headers=headers)
        except (httpx2.HTTPError, TimeoutError) as error:
            return broken(error, began)
        return read(response, began)
