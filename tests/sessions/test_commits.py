"""Which COMMITs are unknown, with and without a unit of work, on a session and past it."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from wellhead import (
    CommitUnknownError,
    Database,
    DatabaseSettings,
    Fault,
    RolledBackError,
    classify,
)
from wellhead.sessions.commits import counting_commits
from wellhead.sessions.deadline import Deadline
from wellhead.testing.proxy import COMMIT, TCPProxy

INSERT = "INSERT INTO done VALUES (1)"


@pytest.fixture
async def database(either_url: str) -> AsyncIterator[Database]:
    async with Database(DatabaseSettings(url=either_url)) as database:
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql(
                "CREATE TABLE done (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)"
            )
        yield database


async def insert(database: Database, *more: str) -> None:
    """Insert a row in a session, and run more statements."""
    async with database.session() as session:
        connection = await session.connection()
        for statement in (INSERT, *more):
            await connection.exec_driver_sql(statement)


async def rows(database: Database) -> int:
    async with database.engine.connect() as connection:
        return int(await connection.scalar(text("SELECT count(*) FROM done")) or 0)


@pytest.mark.parametrize("passes", [False, True])
async def test_a_session_whose_commit_is_not_answered_is_unknown(
    database: Database, proxy: TCPProxy, passes: bool
) -> None:
    proxy.break_at(COMMIT, passes=passes)
    with pytest.raises(CommitUnknownError) as caught:
        await insert(database)

    found = classify(caught.value)
    assert (found.fault, found.http_status) == (Fault.OUTCOME_UNKNOWN, 503)
    assert (found.outcome_unknown, found.is_transient, found.retry_after) == (True, False, None)
    assert await rows(database) == passes
    assert database.run_stats().unknown == 1


async def test_a_connection_of_the_engine_is_named_alike(
    database: Database, proxy: TCPProxy
) -> None:
    proxy.break_at(COMMIT, passes=True)
    with pytest.raises(CommitUnknownError):
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql(INSERT)

    assert database.run_stats().unknown == 1


async def test_a_commit_that_the_server_refuses_is_known(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await insert(database, INSERT)

    assert await rows(database) == 0
    assert database.run_stats().unknown == 0


async def test_a_commit_that_the_server_is_shut_down_in_is_unknown(
    database: Database,
) -> None:
    """A trigger at the commit ends its own server process, which says FATAL and no more."""
    async with database.engine.begin() as connection:
        await connection.exec_driver_sql(
            "CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
        )
        await connection.exec_driver_sql(
            "CREATE CONSTRAINT TRIGGER leave AFTER INSERT ON done "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION leave()"
        )
    with pytest.raises(CommitUnknownError):
        await insert(database)

    assert await rows(database) == 0


async def test_a_commit_that_takes_too_long_is_unknown(proxied_url: str, proxy: TCPProxy) -> None:
    """With asyncpg; psycopg has no limit for a COMMIT, and PostgreSQL's does not cover it."""
    settings = DatabaseSettings(url=proxied_url, command_timeout=2)
    async with Database(settings) as database:
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql("CREATE TABLE done (id int)")

        async def fall_silent() -> None:
            async with database.session() as session:
                await (await session.connection()).exec_driver_sql(INSERT)
                proxy.stall()

        with pytest.raises(CommitUnknownError):
            await fall_silent()
        proxy.resume()


async def test_a_connection_that_was_lost_before_is_no_unknown_commit(
    database: Database, proxy: TCPProxy
) -> None:
    async def lose_it() -> None:
        async with database.session() as session:
            await (await session.connection()).exec_driver_sql(INSERT)
            await proxy.reset_connections()
            await asyncio.sleep(0.02)

    with pytest.raises(DBAPIError) as caught:
        await lose_it()

    assert classify(caught.value).fault is Fault.CONNECTION_LOST
    assert database.run_stats().unknown == 0


async def test_a_rollback_that_is_lost_is_no_unknown_commit(
    database: Database, proxy: TCPProxy
) -> None:
    proxy.break_at(b"ROLLBACK", passes=True)
    with pytest.raises(DBAPIError):
        await insert(database, "SELECT 1 / 0")

    assert database.run_stats().unknown == 0


async def test_a_session_that_passed_over_a_failure_is_not_taken_for_committed(
    database: Database,
) -> None:
    async def pass_over() -> None:
        async with database.session() as session:
            connection = await session.connection()
            await connection.exec_driver_sql(INSERT)
            with suppress(DBAPIError):
                await connection.exec_driver_sql("SELECT 1 / 0")

    with pytest.raises(RolledBackError, match="Nothing was committed"):
        await pass_over()

    assert await rows(database) == 0


async def test_a_failure_inside_a_savepoint_may_be_passed_over(database: Database) -> None:
    async with database.session() as session:
        await (await session.connection()).exec_driver_sql(INSERT)
        with suppress(DBAPIError):
            async with session.begin_nested():
                await (await session.connection()).exec_driver_sql("SELECT 1 / 0")

    assert await rows(database) == 1


@pytest.mark.parametrize(
    ("statement", "may_commit"),
    [
        ("COMMIT", True),
        (" /* now */ -- it is time\n commit and chain", True),
        ("END", True),
        ("PREPARE TRANSACTION 'x'", True),
        ("INSERT INTO done VALUES (1); COMMIT", True),
        ("ROLLBACK; INSERT INTO done VALUES (1)", True),
        ("SELECT CASE WHEN true THEN 1 END", False),
        ("SELECT CASE WHEN true THEN 1 END;", False),
        ("PREPARE q AS SELECT 1", False),
        ("SELECT 1; SELECT 2", False),
    ],
)
async def test_text_that_may_end_a_transaction_is_noted(
    database_url: str, statement: str, may_commit: bool
) -> None:
    url = database_url.replace("postgresql", "postgresql+psycopg", 1)
    async with Database(DatabaseSettings(url=url)) as database:
        with counting_commits() as commits:
            async with database.engine.connect() as connection:
                with suppress(DBAPIError):
                    await connection.execute(text(statement))

    assert commits.possible == may_commit


async def test_a_script_that_commits_in_its_middle_is_not_run_again(database_url: str) -> None:
    runs = 0

    async def work(session: AsyncSession) -> None:
        nonlocal runs
        runs += 1
        connection = await session.connection()
        await connection.execute(text("INSERT INTO done VALUES ('x'); COMMIT"))
        await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    url = database_url.replace("postgresql", "postgresql+psycopg", 1)
    async with Database(DatabaseSettings(url=url)) as database:
        async with database.engine.begin() as connection:
            await connection.execute(text("CREATE TABLE done (what text)"))
        with pytest.raises(DBAPIError):
            await database.run(work)

    assert runs == 1


@pytest.mark.slow
@pytest.mark.parametrize("pool_mode", ["pool", "none"])
async def test_a_task_that_outlives_its_request_keeps_nothing_of_its_commits(
    either_url: str, pool_mode: str
) -> None:
    async def work(database: Database, times: int) -> int:
        for _ in range(times):
            async with database.session() as session:
                await (await session.connection()).exec_driver_sql("SELECT 1")
        gc.collect()
        # Not timers: asyncio keeps up to a hundred that were cancelled.
        return sum(
            type(each) is dict or str(type(each).__module__).startswith("wellhead")
            for each in gc.get_objects()
        )

    async def outlive(database: Database) -> tuple[int, int]:
        await work(database, 20)
        return await work(database, 5), await work(database, 60)

    async with Database(DatabaseSettings(url=either_url, pool_mode=pool_mode)) as database:
        with Deadline(60) as deadline:
            worker = asyncio.create_task(outlive(database))
        before, after = await worker

    assert deadline.commits.succeeded == 85
    assert after - before < 30
