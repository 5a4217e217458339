"""Clients that read, all the time, what others were told is there."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass

import httpx2

from bench.faults.answers import broken, read
from bench.faults.clients import Door
from bench.faults.ledger import Answer, Ledger, Outcome, Write
from wellhead.fastapi.read_after import HEADER

READERS = 4

_PAUSE = (0.05, 0.15)
_NOT_FOUND = "404"


@dataclass(frozen=True, slots=True)
class Read:
    """A question for a task.

    Attributes:
        reader: The number of the reader.
        written: What it asked for.
        answer: How that ended.
    """

    reader: int
    written: Write
    answer: Answer

    @property
    def found_nothing(self) -> bool:
        """Whether it was told that there is no such task."""
        return self.answer.words.startswith(_NOT_FOUND)


class Readers:
    """Clients that ask for the task that was acknowledged last, each at its own process.

    They have the mark of the client that wrote it, where the application gave one.

    Args:
        door: Where they read.
        ledger: What the clients that write were told.
        rng: Decides about pauses.
        patience: Seconds after which one gives up waiting.

    Attributes:
        reads: What each asked for, and was told.
    """

    def __init__(self, door: Door, ledger: Ledger, rng: random.Random, *, patience: float) -> None:
        self.reads: list[Read] = []
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
    def answers(self) -> list[Answer]:
        """How each request ended."""
        return [read.answer for read in self.reads]

    def failures(self) -> Counter[str]:
        """What they saw instead of a task or of nothing, and how often."""
        return Counter(
            f"{read.answer.words} for a read"
            for read in self.reads
            if read.answer.outcome is not Outcome.ACKNOWLEDGED and not read.found_nothing
        )

    async def _work(self, number: int) -> None:
        async with self._door.connect(number) as client:
            while not self._stopped.is_set():
                if (write := self._newest()) is not None:
                    answer = await self._read(client, write.post)
                    self.reads.append(Read(number, write, answer))
                await asyncio.sleep(self._rng.uniform(*_PAUSE))

    def _newest(self) -> Write | None:
        writes = reversed(self._ledger.writes)
        return next((write for write in writes if write.post.task_id is not None), None)

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
