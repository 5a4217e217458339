"""Past SQLAlchemy: failures, cancellation, limits and figures are as everywhere."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import bindparam, event, func, insert, update
from sqlalchemy.dialects.postgresql.base import PGCompiler
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, col, select

from tests.staging.changing_schema import ChangingSchema
from tests.staging.patience import until
from wellhead import (
    CommandTimeoutError,
    CommitUnknownError,
    Database,
    DatabaseSettings,
    Fault,
    NotOpenError,
    PoolSaturated,
    classify,
    compiled,
)
from wellhead.pool import serving
from wellhead.sessions.commits import counting_commits
from wellhead.sessions.deadline import Deadline
from wellhead.testing.proxy import TCPProxy


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Box(Table, table=True):
    """A row."""

    id: int = Field(primary_key=True)
    content: int = Field(unique=True)


find = compiled(select(Box).where(Box.id == bindparam("id")))
sleep = compiled(select(Box.id, func.pg_sleep(bindparam("seconds"))))
content_of = compiled(select(Box.content).where(Box.id == bindparam("id")))
add = compiled(insert(Box).values(id=bindparam("id"), content=bindparam("content")))
fill = compiled(
    update(Box)
    .where(col(Box.id) == bindparam("id"))
    .values(content=Box.content + bindparam("more"))
)
set_to = compiled(
    update(Box).where(col(Box.id) == bindparam("id")).values(content=bindparam("content")),
    is_repeatable=True,
)


@pytest.fixture
async def database(either_url: str) -> AsyncIterator[Database]:
    settings = DatabaseSettings(url=either_url, pool_size=2, max_overflow=0, pool_timeout=21)
    async with Database(settings) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
            await connection.execute(insert(Box), [{"id": 1, "content": 10}])
        yield database


async def lock_row(database: Database) -> tuple[asyncio.Event, "asyncio.Task[None]"]:
    """Hold the row's lock until the event is set."""
    locked, release = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with database.engine.begin() as connection:
            await connection.execute(select(Box.id).with_for_update())
            locked.set()
            await release.wait()

    task = asyncio.create_task(hold())
    await locked.wait()
    return release, task


async def test_failures_are_sqlalchemy_s(database: Database) -> None:
    with pytest.raises(IntegrityError) as failed:
        await add.execute(database, id=2, content=10)
    with pytest.raises(StatementError) as mistyped:
        await find.one(database, id="one")

    assert classify(failed.value).fault is Fault.UNIQUE
    assert failed.value.statement is None
    assert "10" not in str(failed.value)
    assert "one" not in str(mistyped.value)
    assert classify(mistyped.value).fault is Fault.PROGRAMMING
    assert database.stats().checked_out == 0


async def test_a_read_whose_connection_was_lost_is_sent_again(
    database: Database, proxy: TCPProxy
) -> None:
    await find.one(database, id=1)
    await proxy.cut()

    assert (await find.one(database, id=1)).content == 10
    assert sum(database.run_stats().reads_repeated.values()) <= 1


async def test_a_read_goes_on_while_one_connection_after_the_other_is_lost(
    database: Database, proxy: TCPProxy
) -> None:
    for _ in range(4):
        proxy.break_at(b"FROM box", passes=False)

    assert (await find.one(database, id=1)).content == 10
    assert database.run_stats().reads_repeated == {Fault.CONNECTION_LOST: 4}


async def test_a_write_whose_answer_was_lost_is_unknown(
    database: Database, proxy: TCPProxy
) -> None:
    await fill.execute(database, id=1, more=1)
    release, holder = await lock_row(database)
    with counting_commits() as commits:
        writing = asyncio.create_task(fill.execute(database, id=1, more=1))
        await until(lambda: commits.under_way)
        await proxy.cut()
        with pytest.raises(CommitUnknownError):
            await writing
    release.set()
    await asyncio.gather(holder, return_exceptions=True)

    assert (commits.unknown, commits.succeeded, commits.under_way) == (1, 0, 0)
    assert database.run_stats().unknown == 1
    assert database.run_stats().units == 2


async def test_what_may_be_done_twice_is_run_again_after_an_unknown_outcome(
    database: Database, proxy: TCPProxy
) -> None:
    await set_to.execute(database, id=1, content=11)
    release, holder = await lock_row(database)
    with counting_commits() as commits:
        writing = asyncio.create_task(set_to.execute(database, id=1, content=12))
        await until(lambda: commits.under_way)
        await proxy.cut()
        release.set()
        await asyncio.gather(holder, return_exceptions=True)

        assert await writing == 1
    assert await content_of.one(database, id=1) == 12
    assert commits.unknown == 0


async def test_a_write_counts_as_a_commit(database: Database) -> None:
    with counting_commits() as commits:
        await fill.execute(database, id=1, more=1)
        await find.one(database, id=1)
        with pytest.raises(IntegrityError):
            await add.execute(database, id=1, content=1)

    assert (commits.succeeded, commits.unknown, commits.possible) == (1, 0, 0)


async def test_what_a_write_changed_counts_for_its_database(database: Database) -> None:
    with counting_commits() as commits:
        await fill.execute(database, id=1, more=1)
        done = set(commits.changes.committed)
        with pytest.raises(IntegrityError):
            await add.execute(database, id=1, content=1)

    assert (done, commits.changes.given_up) == ({database.key}, {database.key})


async def test_a_value_that_cannot_be_sent_leaves_nothing_unknown(database: Database) -> None:
    with counting_commits() as commits:
        with pytest.raises((StatementError, DBAPIError)):
            await fill.execute(database, id=1, more=2**70)
        with pytest.raises((StatementError, DBAPIError)):
            await fill.execute(database, id=1, more=object())

    assert commits.is_empty
    assert database.stats().checked_out == 0


async def test_a_cancelled_read_costs_no_connection(database: Database) -> None:
    await find.one(database, id=1)
    opened = database.stats().opened
    reading = asyncio.create_task(sleep.all(database, seconds=600))
    await until(lambda: database.stats().checked_out)
    await asyncio.sleep(0.05)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert (await find.one(database, id=1)).content == 10
    assert database.stats().checked_out == 0
    assert database.stats().opened <= opened + 1


async def test_the_deadline_ends_a_write_and_knows_what_became_of_it(database: Database) -> None:
    release, holder = await lock_row(database)
    with Deadline(0.2) as deadline:
        await fill.execute(database, id=1, more=1)
    release.set()
    await holder

    # psycopg waits for what the server says of a statement that it cancelled; asyncpg does not.
    is_heard = "psycopg" in str(database.settings.url)
    assert deadline.is_over
    assert deadline.commits.unknown == int(not is_heard)
    assert deadline.commits.succeeded == 0
    assert database.stats().checked_out == 0


async def test_the_command_timeout_has_its_name(either_url: str) -> None:
    settings = DatabaseSettings(url=either_url, command_timeout=0.3)
    async with Database(settings) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
            await connection.execute(insert(Box), [{"id": 1, "content": 10}])
        with pytest.raises((CommandTimeoutError, DBAPIError)) as failed:
            await sleep.all(database, seconds=600)

        assert classify(failed.value).fault is Fault.STATEMENT_TIMEOUT
        assert (await find.one(database, id=1)).content == 10
        assert database.stats().checked_out == 0


async def test_a_slow_one_is_logged_without_text_and_values(
    either_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = DatabaseSettings(url=either_url, slow_query_threshold=0.01)
    async with Database(settings) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
            await connection.execute(insert(Box), [{"id": 1, "content": 10}])
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="wellhead"):
            await sleep.all(database, seconds=0.02)

    [line] = [each for each in caplog.records if getattr(each, "event", "") == "slow_query"]
    assert "SELECT took" in line.getMessage()
    assert "pg_sleep" not in line.getMessage()


async def test_the_pool_counts_it_by_its_route(database: Database) -> None:
    with serving("GET /boxes/{id}"):
        await find.one(database, id=1)

    assert "GET /boxes/{id}" in database.stats().routes


async def test_a_stale_plan_is_replaced(database: Database) -> None:
    for _ in range(7):
        await content_of.one(database, id=1)
    for kind in ("bigint", "numeric", "integer"):
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql(f"ALTER TABLE box ALTER content TYPE {kind}")

        assert await content_of.one(database, id=1) == 10
        assert await fill.execute(database, id=1, more=0) == 1


async def test_what_the_application_deallocates_is_prepared_again(proxied_url: str) -> None:
    settings = DatabaseSettings(url=proxied_url, pool_size=1, max_overflow=0)
    async with Database(settings) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
            await connection.execute(insert(Box), [{"id": 1, "content": 10}])
        await find.one(database, id=1)
        async with database.pool.driver_connection(reset=False) as driver:
            await driver.execute("DEALLOCATE ALL")

        assert (await find.one(database, id=1)).content == 10


async def test_a_session_with_several_engines_takes_that_of_the_statement(
    database: Database,
) -> None:
    async with AsyncSession(binds={Box: database.engine}) as session:
        assert (await find.one(session, id=1)).content == 10
        async with find.stream(session, id=1) as boxes:
            assert [each.content async for each in boxes] == [10]


async def test_no_value_is_wrong_while_the_schema_changes(
    either_url: str, database_url: str
) -> None:
    async with Database(DatabaseSettings(url=either_url, pool_size=8)) as database:
        outcome = await ChangingSchema(database, database_url, only_compiled=True).run()

    assert outcome.wrong == []
    assert outcome.errors == []
    assert outcome.right > 300


async def test_without_prepared_statements_asyncpg_takes_a_transaction(
    proxied_url: str, proxy: TCPProxy
) -> None:
    settings = DatabaseSettings(url=proxied_url, prepared_statements="off")
    async with Database(settings) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
            await connection.execute(insert(Box), [{"id": 1, "content": 10}])
        await find.one(database, id=1)
        proxy.reset()
        assert (await find.one(database, id=1)).content == 10
        reading = proxy.round_trips
        proxy.reset()
        assert await fill.execute(database, id=1, more=1) == 1
        writing = proxy.round_trips

    # BEGIN, the types, the response, COMMIT.
    assert (reading, writing) == (4, 4)


async def test_psycopg_takes_one_round_trip_also_without_prepared_statements(
    proxied_url: str, proxy: TCPProxy
) -> None:
    url = proxied_url.replace("postgresql", "postgresql+psycopg", 1)
    async with Database(DatabaseSettings(url=url, prepared_statements="off")) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
            await connection.execute(insert(Box), [{"id": 1, "content": 10}])
        await find.one(database, id=1)
        proxy.reset()
        await find.one(database, id=1)
        await fill.execute(database, id=1, more=1)
        taken = proxy.round_trips

    assert taken == 2


async def test_a_closed_database_says_so(either_url: str) -> None:
    with pytest.raises(NotOpenError):
        await find.one(Database(DatabaseSettings(url=either_url)), id=1)


async def test_a_full_pool_refuses_it(either_url: str) -> None:
    settings = DatabaseSettings(url=either_url, pool_size=1, max_overflow=0, pool_max_waiting=0)
    async with Database(settings) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
            with pytest.raises(PoolSaturated):
                await find.all(database, id=1)

        assert (await database.check()).state == "saturated"


async def test_it_takes_no_task_and_no_thread_and_compiles_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    usual = PGCompiler.__init__

    def compile_it(self: PGCompiler, *arguments: Any, **more: Any) -> None:
        made.append(self)
        usual(self, *arguments, **more)

    monkeypatch.setattr(PGCompiler, "__init__", compile_it)
    query = compiled(select(Box).where(Box.id == bindparam("id")))
    await query.one(database, id=1)
    await fill.execute(database, id=1, more=1)
    made_first, threads = len(made), threading.active_count()
    tasks: list[object] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "create_task", tasks.append)
    await query.one(database, id=1)
    await fill.execute(database, id=1, more=1)
    monkeypatch.undo()

    assert tasks == []
    assert threading.active_count() == threads
    assert len(made) == made_first


async def test_where_the_application_listens_it_hears_every_statement(database: Database) -> None:
    heard: list[str] = []

    @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
    def listen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        heard.append(statement.split(maxsplit=1)[0])

    await find.one(database, id=1)
    await fill.execute(database, id=1, more=1)

    assert heard == ["SELECT", "UPDATE"]
