"""A psycopg connection whose other side has hung up is known without asking it anything."""

import asyncio
import select as system
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import psycopg
import pytest
from sqlmodel import select

from tests.staging.databases import Databases
from tests.staging.neon import StagedNeon, StoppedPostgres
from tests.staging.patience import until
from tests.staging.pki import PKI
from wellhead import Database, DatabaseSettings
from wellhead.pool.connection_state import closed_check
from wellhead.testing.proxy import TCPProxy

Psycopg: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]
SECONDS = 30


@pytest.fixture
async def connection(proxied_url: str) -> AsyncIterator[Psycopg]:
    """psycopg's, through the proxy, with nothing to do."""
    async with await psycopg.AsyncConnection.connect(proxied_url, autocommit=True) as connection:
        await connection.execute("SELECT 1")
        yield connection


async def something_arrives(connection: Psycopg) -> None:
    """Wait until there is something to read, and read nothing of it."""
    descriptor = connection.fileno()
    readable, _, _ = await asyncio.to_thread(system.select, [descriptor], [], [], SECONDS)
    assert readable == [descriptor]


async def test_psycopg_that_has_nothing_to_read_is_open(connection: Psycopg) -> None:
    assert not closed_check(connection)()


async def test_psycopg_that_was_told_goodbye_is_closed(
    connection: Psycopg, databases: Databases
) -> None:
    is_closed = closed_check(connection)
    databases.execute(f"SELECT pg_terminate_backend({connection.info.backend_pid})")

    await until(is_closed)


@pytest.mark.parametrize("how", ["cut", "reset_connections"])
async def test_psycopg_that_was_cut_off_is_closed(
    connection: Psycopg, proxy: TCPProxy, how: str
) -> None:
    is_closed = closed_check(connection)
    await getattr(proxy, how)()

    await until(is_closed)


async def test_psycopg_that_was_notified_is_open_and_tells_of_it(
    connection: Psycopg, database_url: str
) -> None:
    is_closed = closed_check(connection)
    await connection.execute("LISTEN news")
    other = await asyncpg.connect(database_url)
    await other.execute("NOTIFY news, 'spring'")
    await other.close()
    await something_arrives(connection)

    assert not is_closed()
    told = [news.payload async for news in connection.notifies(timeout=SECONDS, stop_after=1)]
    assert told == ["spring"]
    assert (await (await connection.execute("SELECT 2")).fetchall()) == [(2,)]


async def test_psycopg_that_was_closed_here_is_closed(connection: Psycopg) -> None:
    is_closed = closed_check(connection)
    await connection.close()

    assert is_closed()
    assert closed_check(connection)()


@pytest.mark.parametrize("kind", ["session", "reader"])
async def test_psycopg_over_tls_is_replaced_at_once_after_the_database_was_restarted(
    stopped_postgres: StoppedPostgres, pki: PKI, tmp_path: Path, kind: str
) -> None:
    async with StagedNeon(stopped_postgres, pki, tmp_path) as neon:
        url = neon.address_url().replace("://", "+psycopg://")
        async with Database(DatabaseSettings(url=url)) as database:
            async with database.engine.connect() as held:
                raw = (await held.get_raw_connection()).driver_connection
                assert isinstance(raw, psycopg.AsyncConnection)
            await neon.suspend()
            await until(closed_check(raw))
            async with getattr(database, kind)() as session:
                assert (await session.exec(select(1))).one() == 1

        assert neon.figures().starts == 2
