"""A client that stays in step, and transactions that overlap with what it reads."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from asyncpg.transaction import Transaction
from task_api import Json, TaskAPI
from writes import Connection

INSERT = """
    INSERT INTO tasks (
        id, user_id, title, title_folded, priority, position, version, created_at, updated_at
    )
    VALUES ($1, $2, 'new', 'new', 1, '5', 1, now(), now())
"""
UPDATE = "UPDATE tasks SET title = $2, version = version + 1 WHERE id = $1"
STEPS = ("begin", "insert", "update", "delete", "end", "read", "request")


async def changes_since(api: TaskAPI, since: str | None = None, **query: Any) -> Json:
    """One page of changes."""
    params = query if since is None else {**query, "since": since}
    return await api.expect(200, "GET", "/changes", params=params)


@dataclass
class Follower:
    """A client that keeps a copy of all tasks and tags."""

    api: TaskAPI
    limit: int = 200
    since: str | None = None
    tasks: dict[str, Json] = field(default_factory=dict)
    tags: dict[str, Json] = field(default_factory=dict)
    read: int = 0

    async def page(self) -> bool:
        """Read one page; whether there are more."""
        found = await changes_since(self.api, self.since, limit=self.limit)
        self.tasks |= {task["id"]: task for task in found["tasks"]}
        self.tags |= {tag["id"]: tag for tag in found["tags"]}
        for id_ in found["deleted_task_ids"]:
            self.tasks.pop(id_, None)
        for id_ in found["deleted_tag_ids"]:
            self.tags.pop(id_, None)
        self.since = found["next_since"]
        self.read += sum(map(len, (found["tasks"], found["tags"], found["deleted_task_ids"])))
        more: bool = found["has_more"]
        return more

    async def catch_up(self) -> None:
        """Read all pages."""
        while await self.page():
            pass

    async def assert_in_step(self) -> None:
        """The copy is what lists show."""
        tasks = (await self.api.expect(200, "GET", "/tasks", params={"limit": 100}))["items"]
        tags = (await self.api.expect(200, "GET", "/tags"))["items"]
        for tag in tags:
            del tag["task_count"]
        assert self.tasks == {task["id"]: task for task in tasks}
        assert self.tags == {tag["id"]: tag for tag in tags}


class Interleaving:
    """Transactions that overlap with each other and with reads, in an order left to chance.

    Each writer only changes tasks of its own, so that none waits for another.
    """

    def __init__(self, api: TaskAPI, writers: list[Connection], seed: int) -> None:
        self._api = api
        self._writers = writers
        self._tasks: list[list[UUID]] = [[] for _ in writers]
        self._open: dict[int, Transaction] = {}
        self._chance = random.Random(seed)  # noqa: S311 - no secret is made of it
        self._follower = Follower(api, limit=self._chance.choice([1, 2, 200]))

    async def run(self, steps: int = 60) -> None:
        """Do steps, commit all, read all; the follower must be in step then."""
        for _ in range(steps):
            step = getattr(self, f"_{self._chance.choice(STEPS)}")
            await step(self._chance.randrange(len(self._writers)))
        for transaction in self._open.values():
            await transaction.commit()
        await self._follower.catch_up()
        # Pages that were begun before end where they began.
        await self._follower.catch_up()
        await self._follower.assert_in_step()

    async def _begin(self, number: int) -> None:
        if number not in self._open:
            self._open[number] = self._writers[number].transaction()
            await self._open[number].start()

    async def _insert(self, number: int) -> None:
        self._tasks[number].append(uuid4())
        await self._writers[number].execute(INSERT, self._tasks[number][-1], self._api.account.id)

    async def _update(self, number: int) -> None:
        for task in self._some(number):
            await self._writers[number].execute(UPDATE, task, f"{self._chance.random()}")

    async def _delete(self, number: int) -> None:
        for task in self._some(number):
            await self._writers[number].execute("DELETE FROM tasks WHERE id = $1", task)

    async def _end(self, number: int) -> None:
        if number in self._open:
            transaction = self._open.pop(number)
            await (transaction.commit() if self._chance.random() < 0.8 else transaction.rollback())

    async def _read(self, number: int) -> None:
        del number
        await self._follower.page()

    async def _request(self, number: int) -> None:
        del number
        await self._api.task("by a request")

    def _some(self, number: int) -> list[UUID]:
        return self._chance.sample(self._tasks[number], min(1, len(self._tasks[number])))


async def interleave(api: TaskAPI, url: str, seeds: Iterable[int]) -> None:
    """Run an `Interleaving` of three writers for each seed."""
    writers = [await asyncpg.connect(url) for _ in range(3)]
    try:
        for seed in seeds:
            await Interleaving(api, writers, seed).run()
    finally:
        for writer in writers:
            await writer.close()
