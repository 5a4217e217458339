"""A database for each contestant, made by its own migrations and filled with the same rows."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg

from bench.speed.peer import Peer
from bench.todo_speed.contestants import BEFORE, TODO, Contestants
from bench.todo_speed.data import TASKS_EACH, Data
from bench.todo_speed.supplies import Supplies

_EMPTY = "todo_empty"


class TodoDatabases:
    """The databases of one run.

    Args:
        url: The server's.
        admin: A superuser's connection to it.
        contestants: Migrate.
        say: Hears how far it is.
    """

    def __init__(
        self,
        url: str,
        admin: asyncpg.Connection,
        contestants: Contestants,
        say: Callable[[str], None],
    ) -> None:
        self._server = url
        self._admin = admin
        self._contestants = contestants
        self._say = say

    async def make_empty(self) -> str:
        """Make the one that others are copies of, and return its URL.

        Users who sign up there, and no others, are in all of them.
        """
        await self._create(_EMPTY, template="template1")
        await self._contestants.migrate(TODO, self._url(_EMPTY))
        return self._url(_EMPTY)

    async def make_filled(
        self, peer: Peer, name: str, tasks: int, user_id: UUID, each: int = TASKS_EACH
    ) -> str:
        """Make one with so many tasks of all users together, and return its URL.

        Args:
            peer: Whose tables it has.
            name: Its name.
            tasks: A multiple of what each user has.
            user_id: Who has signed up.
            each: The tasks of each user.
        """
        began, url = time.monotonic(), self._url(name)
        if peer is BEFORE:
            await self._create(name, template="template1")
            await self._contestants.migrate(peer, url)
            await self._copy_user(url)
        else:
            await self._create(name, template=_EMPTY)
        async with self.data(url, user_id) as data:
            await data.fill(tasks, each)
        took = time.monotonic() - began
        self._say(f"{name}: a database of {tasks:,} tasks, {took:.0f} s")
        return url

    @asynccontextmanager
    async def data(self, url: str, user_id: UUID) -> AsyncIterator[Data]:
        """The data of one of them."""
        async with _connected(url) as connection:
            yield Data(connection, user_id)

    @asynccontextmanager
    async def supplies(self, url: str, user_id: UUID) -> AsyncIterator[Supplies]:
        """What the user's requests use up in one of them."""
        async with _connected(url) as connection:
            yield Supplies(connection, user_id)

    async def _create(self, name: str, *, template: str) -> None:
        await self._admin.execute(
            f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy'
        )

    async def _copy_user(self, url: str) -> None:
        source, target = await asyncpg.connect(self._url(_EMPTY)), await asyncpg.connect(url)
        # Names, and not their order, are what both have in common.
        user = await source.fetchval("SELECT to_json(users) FROM users")
        await target.execute(
            "INSERT INTO users SELECT * FROM json_populate_record(NULL::users, $1)", user
        )
        await source.close()
        await target.close()

    def _url(self, name: str) -> str:
        return urlunsplit(urlsplit(self._server)._replace(path=f"/{name}"))


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()
