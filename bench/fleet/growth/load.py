"""Clients that write and read tasks through real HTTP, as often as they are told to."""

import asyncio
from dataclasses import dataclass, replace
from typing import Self

from bench.faults.clients import Door

READS_PER_WRITE = 4

_PAGE = 20


@dataclass(frozen=True, slots=True)
class Load:
    """What clients do, all of them at the same time.

    Each has the cookies of its own responses, so that it sees what it wrote.

    Attributes:
        clients: How many there are; they take turns with the processes.
        writes: How many tasks each creates.
        reads: How often it reads after each of them: the task and a page of the list, by turns.
    """

    clients: int
    writes: int
    reads: int

    @property
    def all_writes(self) -> int:
        """How many tasks are created."""
        return self.clients * self.writes

    @property
    def all_reads(self) -> int:
        """How often it is read."""
        return self.all_writes * self.reads

    def without_reads(self) -> Self:
        """The same writes only."""
        return replace(self, reads=0)

    async def put_on(self, door: Door) -> None:
        """Do all of it.

        Raises:
            ExceptionGroup: A request did not succeed.
        """
        async with asyncio.TaskGroup() as tasks:
            for number in range(self.clients):
                tasks.create_task(self._work(door, number))

    async def _work(self, door: Door, number: int) -> None:
        async with door.connect(number) as client:
            for count in range(self.writes):
                body = {"title": f"task {count} of client {number}"}
                task = (await client.post(door.tasks, json=body)).raise_for_status().json()
                for turn in range(self.reads):
                    path = f"?limit={_PAGE}" if turn % 2 else f"/{task['id']}"
                    (await client.get(f"{door.tasks}{path}")).raise_for_status()
