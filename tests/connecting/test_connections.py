"""The drivers' connections: what they say of a COMMIT, also to callers past SQLAlchemy."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Integer, bindparam, column, insert, table, text
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead import (
    AsyncPool,
    CommitUnknownError,
    Database,
    DatabaseSettings,
    Fault,
    RolledBackError,
    classify,
    compiled,
)
from wellhead.connecting.asyncpg_connection import AsyncpgConnection
from wellhead.embedded import EmbeddedPostgres
from wellhead.sessions.commits import counting_commits
from wellhead.testing.framing import refusal
from wellhead.testing.proxy import TCPProxy

DRIVERS = pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])


@pytest.fixture(scope="module")
def lonely(public_directory: Path) -> Iterator[str]:
    """The URL of a server whose COMMITs wait for a standby that it does not have."""
    with EmbeddedPostgres(public_directory / "lonely") as server:
        asyncio.run(wait_for_a_standby(server.url))
        yield server.url


async def wait_for_a_standby(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE note (id int)")
    await connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'away'")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


@asynccontextmanager
async def ending_waits(url: str, function: str) -> AsyncIterator[None]:
    """Calls a function of the server for every process that waits for the standby."""
    connection = await asyncpg.connect(url)

    async def end() -> None:
        while True:
            await connection.execute(
                f"SELECT {function}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"  # noqa: S608
            )
            await asyncio.sleep(0.01)

    ending = asyncio.create_task(end())
    yield
    ending.cancel()
    connection.terminate()


note = table("note", column("id", Integer))
add_note = compiled(insert(note).values(id=bindparam("id")))


async def in_session(database: Database) -> None:
    async def work(session: AsyncSession) -> None:
        await (await session.connection()).execute(insert(note).values(id=1))

    await database.run(work)


async def compiled_alone(database: Database) -> None:
    await add_note.execute(database, id=1)


WRITES = pytest.mark.parametrize("write", [in_session, compiled_alone])


@DRIVERS
@WRITES
async def test_a_commit_whose_wait_for_a_standby_was_cancelled_is_unknown(
    lonely: str, driver: str, write: Callable[[Database], Awaitable[None]]
) -> None:
    async with (
        Database(DatabaseSettings(url=lonely.replace("postgresql", driver, 1))) as database,
        ending_waits(lonely, "pg_cancel_backend"),
    ):
        with counting_commits() as commits, pytest.raises(CommitUnknownError, match="standby"):
            await write(database)
        stats = database.run_stats()
        kept = database.stats().checked_in

    assert (commits.unknown, commits.succeeded, stats.unknown) == (1, 0, 1)
    assert kept == 1


@DRIVERS
@WRITES
async def test_a_commit_whose_server_process_was_ended_in_that_wait_is_unknown(
    lonely: str, driver: str, write: Callable[[Database], Awaitable[None]]
) -> None:
    async with (
        Database(DatabaseSettings(url=lonely.replace("postgresql", driver, 1))) as database,
        ending_waits(lonely, "pg_terminate_backend"),
    ):
        with counting_commits() as commits, pytest.raises(CommitUnknownError):
            await write(database)
        stats = database.run_stats()

    assert (commits.unknown, commits.succeeded, stats.unknown) == (1, 0, 1)


@DRIVERS
async def test_the_commit_after_an_unknown_one_is_its_own(lonely: str, driver: str) -> None:
    """On the same connection; this one does not wait."""

    async def work(session: AsyncSession) -> None:
        connection = await session.connection()
        await connection.execute(text("SET LOCAL synchronous_commit = local"))
        await connection.execute(insert(note).values(id=2))

    async with Database(
        DatabaseSettings(url=lonely.replace("postgresql", driver, 1), pool_size=1, max_overflow=0)
    ) as database:
        async with ending_waits(lonely, "pg_cancel_backend"):
            with pytest.raises(CommitUnknownError):
                await in_session(database)
        await database.run(work)

        assert database.run_stats().unknown == 1
        assert database.stats().opened == 1


Work = Callable[[Any], Awaitable[None]]


async def create(connection: Any) -> None:
    await connection.execute("CREATE TABLE note (id int)")


async def pass_over_a_failure(connection: Any) -> None:
    with pytest.raises(Exception, match="nowhere"):
        await connection.execute("SELECT * FROM nowhere")


async def transact(url: str, work: Work) -> None:
    """Work in a transaction of the driver's own."""
    async with Database(DatabaseSettings(url=url)) as database:
        pool = database.engine.sync_engine.pool
        assert isinstance(pool, AsyncPool)
        async with pool.driver_connection() as connection, connection.transaction():
            await work(connection)


@DRIVERS
async def test_a_commit_past_sqlalchemy_counts_too(database_url: str, driver: str) -> None:
    with counting_commits() as commits:
        await transact(database_url.replace("postgresql", driver, 1), create)

    assert (commits.succeeded, commits.is_open) == (1, False)


@DRIVERS
async def test_a_commit_past_sqlalchemy_without_an_answer_is_unknown(
    proxied_url: str, proxy: TCPProxy, driver: str
) -> None:
    async def create_and_break(connection: Any) -> None:
        await create(connection)
        proxy.break_at(b"COMMIT", passes=True)

    with counting_commits() as commits, pytest.raises(CommitUnknownError):
        await transact(proxied_url.replace("postgresql", driver, 1), create_and_break)

    assert (commits.succeeded, commits.unknown) == (0, 1)


@DRIVERS
async def test_a_commit_that_can_only_roll_back_is_an_error(database_url: str, driver: str) -> None:
    with counting_commits() as commits, pytest.raises(RolledBackError):
        await transact(database_url.replace("postgresql", driver, 1), pass_over_a_failure)

    assert commits.is_empty


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_what_a_forked_process_forgets_goes_on_in_its_parent(database_url: str) -> None:
    held = [await asyncpg.connect(database_url, connection_class=AsyncpgConnection)]
    child = os.fork()
    if child == 0:
        held.clear()
        gc.collect()
        os._exit(0)
    await asyncio.to_thread(os.waitpid, child, 0)
    async with asyncio.timeout(30):
        found = await held[0].fetchval("SELECT 7")
    await held[0].close()

    assert found == 7


@pytest.mark.parametrize(
    "call",
    [
        lambda connection: connection.execute("BEGIN"),
        lambda connection: connection.execute("SELECT $1::int", 1),
        lambda connection: connection.fetch("SELECT 1"),
        lambda connection: connection.fetchval("SELECT 1"),
    ],
    ids=["begin", "execute", "fetch", "fetchval"],
)
async def test_asyncpg_names_the_loss_of_a_connection_whose_server_has_said_why(
    database_url: str, call: Callable[[Any], Awaitable[Any]]
) -> None:
    connection: Any = await asyncpg.connect(database_url, connection_class=AsyncpgConnection)
    # The server hangs up a moment later.
    last_words = refusal("57P01", "terminating", severity="FATAL")
    connection._protocol.data_received(last_words)  # noqa: SLF001 - as the transport does

    with pytest.raises(asyncpg.ConnectionDoesNotExistError) as caught:
        await call(connection)

    assert classify(caught.value).fault is Fault.CONNECTION_LOST
    assert connection.is_closed()


async def test_a_session_finds_its_connection_lost_whose_server_has_said_why(
    database_url: str,
) -> None:
    async def use(database: Database) -> None:
        async with database.session() as session:
            pooled = await (await session.connection()).get_raw_connection()
            connection: Any = pooled.driver_connection
            last_words = refusal("57P01", "terminating", severity="FATAL")
            connection._protocol.data_received(last_words)  # noqa: SLF001 - as above
            await session.execute(text("SELECT 1"))

    async with Database(DatabaseSettings(url=database_url)) as database:
        with pytest.raises(DBAPIError) as caught:
            await use(database)

    assert classify(caught.value).fault is Fault.CONNECTION_LOST
