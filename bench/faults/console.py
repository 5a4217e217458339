"""The superuser's way to a server: past every proxy and pooler, to look and to interfere."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from bench.faults.verdict import Row
from tests.staging.patience import until

ROLE = "shop"
DATABASE = "shop"
NAME = "suite"
"""The ``application_name`` of the suite's own connections, which no storm ends."""

_SETTLE_SECONDS = 120.0
_ATTEMPTS = 100
_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Console:
    """Asks a server as its superuser, on a new connection each time.

    Attributes:
        url: The server.
    """

    url: str = field(repr=False)

    async def ask(self, sql: str, *values: object, database: str | None = None) -> Any:
        """The first value that a statement returns."""
        connection = await self._connect(database)
        try:
            return await connection.fetchval(sql, *values)
        finally:
            await connection.close()

    async def rows(self, table: str) -> list[Row]:
        """All tasks of a table of the applications."""
        connection = await self._connect(DATABASE)
        try:
            # Not every application has this column.
            completed = "to_jsonb(task) ->> 'completed_at' IS NOT NULL"
            query = f"SELECT title, description, {completed} FROM {table} AS task"  # noqa: S608 - a table of ours
            found = await connection.fetch(query)
        finally:
            await connection.close()
        return [Row(*each) for each in found]

    async def empty(self, table: str) -> None:
        """Remove all tasks of a table."""
        await self.ask(f"DELETE FROM {table}", database=DATABASE)  # noqa: S608 - a table of ours

    async def terminate_backends(self) -> int:
        """End every connection of the applications; how many there were."""
        ended: int = await self.ask(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE usename = $1 AND application_name <> $2",
            ROLE,
            NAME,
        )
        return ended

    async def settle(self) -> None:
        """Wait until no transaction of the applications is open: nothing can appear any more."""
        open_ones = (
            "SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND xact_start IS NOT NULL"
        )

        async def has_settled() -> bool:
            count: int = await self.ask(open_ones, ROLE)
            return count == 0

        await until(has_settled, seconds=_SETTLE_SECONDS)

    async def _connect(self, database: str | None) -> "asyncpg.Connection[asyncpg.Record]":
        for _ in range(_ATTEMPTS):
            # Where everything is taken, even the superuser's own places are for a moment: whoever
            # is about to be refused sits there until then.
            with suppress(asyncpg.TooManyConnectionsError):
                return await self._connect_once(database)
            await asyncio.sleep(_PAUSE)
        return await self._connect_once(database)

    async def _connect_once(self, database: str | None) -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(
            self.url,
            ssl=False,
            database=database,
            server_settings={"application_name": NAME},
        )
