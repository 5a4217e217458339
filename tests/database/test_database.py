"""The database object: opening, transactions, and closing."""

import asyncio
import logging
import sys

import asyncpg
import pytest
from sqlalchemy import insert, literal, text
from sqlalchemy.exc import IntegrityError, InvalidRequestError
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, select

from tests.staging.patience import until
from wellhead import (
    AuthenticationError,
    CommandTimeoutError,
    ConfigurationError,
    Database,
    DatabaseNotFoundError,
    DatabaseSettings,
    NotOpenError,
    PoolSaturated,
    UnreachableError,
)
from wellhead.testing.proxy import TCPProxy


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Note(Table, table=True):
    """A row to write."""

    id: int = Field(primary_key=True)
    words: str = ""


@pytest.fixture
async def database(database_url: str) -> Database:
    database = Database(DatabaseSettings(url=database_url))
    async with database, database.engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    return database


async def notes(database: Database) -> list[int]:
    async with database.reader() as reader:
        return sorted((await reader.exec(select(Note.id))).all())


async def test_nothing_is_reached_before_open(proxied_url: str, proxy: TCPProxy) -> None:
    database = Database(DatabaseSettings(url=proxied_url))
    database.stats()
    repr(database)

    assert proxy.connections == 0
    assert not database.is_open


async def test_a_transaction_commits_at_the_end_of_the_block(database: Database) -> None:
    async with database:
        async with database.session() as session:
            session.add(Note(id=1))

        assert await notes(database) == [1]


async def test_an_exception_rolls_everything_back(database: Database) -> None:
    async with database:
        with pytest.raises(KeyError, match="stop"):
            await write_and_fail(database)

        assert await notes(database) == []


async def write_and_fail(database: Database) -> None:
    async with database.session() as session:
        session.add(Note(id=1))
        await session.flush()
        raise KeyError("stop")


async def test_a_cancelled_block_rolls_back_and_gives_its_connection_back(
    database: Database,
) -> None:
    started = asyncio.Event()

    async def write() -> None:
        async with database.session() as session:
            session.add(Note(id=1))
            await session.flush()
            started.set()
            await session.exec(select(text("pg_sleep(60)")))

    async with database:
        task = asyncio.create_task(write())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await notes(database) == []
        assert database.stats().checked_out == 0


async def test_a_savepoint_undoes_only_its_own_part(database: Database) -> None:
    async with database:
        async with database.session() as session:
            session.add(Note(id=1))
            with pytest.raises(IntegrityError):
                async with session.begin_nested():
                    await session.exec(insert(Note).values(id=1, words="again"))
            session.add(Note(id=2))

        assert await notes(database) == [1, 2]


async def test_a_warm_write_is_begin_statement_and_commit(
    proxied_url: str, proxy: TCPProxy
) -> None:
    async with Database(DatabaseSettings(url=proxied_url)) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
        for number in range(3):
            proxy.reset()
            async with database.session() as session:
                session.add(Note(id=number))
        warm = proxy.round_trips

    assert warm == 3


async def test_a_session_without_a_statement_costs_nothing(
    proxied_url: str, proxy: TCPProxy
) -> None:
    async with Database(DatabaseSettings(url=proxied_url)) as database:
        proxy.reset()
        async with database.session():
            pass
        sent = proxy.bytes_to_server

    assert sent == 0


async def test_behind_a_full_queue_no_session_and_no_reader_is_given_out(
    proxied_url: str, proxy: TCPProxy
) -> None:
    settings = DatabaseSettings(url=proxied_url, pool_size=1, max_overflow=0, pool_max_waiting=0)
    async with Database(settings) as database:
        async with database.engine.connect():
            proxy.reset()
            for opened in (database.session(), database.reader()):
                with pytest.raises(PoolSaturated, match="is full and 0 callers wait"):
                    await opened.__aenter__()
            told, trips = database.stats().saturated, proxy.round_trips
        async with database.session(), database.reader():
            pass

    assert (told, trips) == (2, 0)


async def test_loaded_objects_stay_usable_after_the_commit(database: Database) -> None:
    async with database, database.session() as session:
        note = Note(id=1, words="kept")
        session.add(note)

    assert note.words == "kept"


async def test_a_session_used_after_its_end_raises(database: Database) -> None:
    async with database:
        async with database.session() as session:
            pass
        with pytest.raises(InvalidRequestError, match="closed"):
            await session.exec(select(Note))

        assert database.stats().checked_out == 0


async def test_opening_twice_opens_once(proxied_url: str, proxy: TCPProxy) -> None:
    database = Database(DatabaseSettings(url=proxied_url))
    await asyncio.gather(database.open(), database.open())
    await database.close()

    assert proxy.connections == 1


async def test_a_closed_database_refuses_and_can_be_opened_again(database: Database) -> None:
    with pytest.raises(NotOpenError, match=r"is not open.\n.*open\(\)"):
        async with database.session():
            pass
    async with database:
        assert await notes(database) == []


async def test_closing_waits_for_the_sessions_in_use(database: Database) -> None:
    await database.open()
    entered, may_end = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with database.session() as session:
            entered.set()
            await may_end.wait()
            session.add(Note(id=1))

    writing = asyncio.create_task(write())
    await entered.wait()
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    with pytest.raises(NotOpenError):
        async with database.session():
            pass
    may_end.set()
    await asyncio.gather(writing, closing)

    async with database:
        assert await notes(database) == [1]


async def test_closing_says_who_is_still_there_after_the_grace_time(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await database.open()
    async with database.session() as session:
        await session.exec(select(Note))
        with caplog.at_level(logging.WARNING, logger="wellhead"):
            await database.close(grace=0.01)

    assert "1 sessions were still in use 0.01 s after closing began" in caplog.messages


async def test_a_wrong_password_is_refused_at_once(
    proxied_url: str, proxy: TCPProxy, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("CREATE ROLE visitor LOGIN PASSWORD 'right'")
    await connection.close()
    url = f"postgresql://visitor:wr0ng@127.0.0.1:{proxy.port}/{proxied_url.rpartition('/')[2]}"

    with pytest.raises(AuthenticationError) as caught:
        await Database(DatabaseSettings(url=url)).open()

    connection = await asyncpg.connect(database_url)
    await connection.execute("DROP ROLE visitor")
    await connection.close()
    assert caught.value.sqlstate == "28P01"
    assert "wr0ng" not in str(caught.value)
    assert proxy.connections <= 2


async def test_an_unknown_database_is_refused_at_once(proxied_url: str, proxy: TCPProxy) -> None:
    with pytest.raises(DatabaseNotFoundError, match="create the database"):
        await Database(DatabaseSettings(url=proxied_url + "_no")).open()

    assert proxy.connections == 1


async def test_a_server_that_is_down_is_tried_as_often_as_the_setting_says(
    proxied_url: str, proxy: TCPProxy, caplog: pytest.LogCaptureFixture
) -> None:
    await proxy.refuse()
    settings = DatabaseSettings(url=proxied_url, connect_retry_count=3, connect_retry_delay=0)

    with caplog.at_level(logging.WARNING, logger="wellhead"), pytest.raises(UnreachableError):
        await Database(settings).open()

    waits = [
        record for record in caplog.records if getattr(record, "event", "") == "database_waiting"
    ]
    assert [getattr(record, "attempt", 0) for record in waits] == [1, 2]


async def test_opening_succeeds_once_the_server_is_there(proxied_url: str, proxy: TCPProxy) -> None:
    await proxy.refuse()
    settings = DatabaseSettings(url=proxied_url, connect_retry_count=50, connect_retry_delay=0.05)
    database = Database(settings)
    opening = asyncio.create_task(database.open())
    await asyncio.sleep(0.1)
    was_waiting = not opening.done()
    await proxy.accept()
    await opening
    await database.close()

    assert was_waiting


CONNECTED = 4
"""Round trips: SSLRequest is refused, the password is asked for, shown, and taken."""


async def test_a_connection_lost_in_the_first_queries_is_tried_again(
    proxied_url: str, proxy: TCPProxy
) -> None:
    settings = DatabaseSettings(url=proxied_url, connect_retry_count=2, connect_retry_delay=0)
    proxy.delay(0.01)
    database = Database(settings)
    opening = asyncio.create_task(database.open())
    await until(lambda: proxy.round_trips > CONNECTED)
    await proxy.cut()
    proxy.delay(0)
    await opening
    await database.close()

    assert proxy.connections == 2


@pytest.mark.parametrize("driver", ["postgresql+asyncpg://", "postgresql+psycopg://"])
async def test_closing_does_not_wait_for_a_silent_network(
    driver: str, proxied_url: str, proxy: TCPProxy
) -> None:
    database = Database(DatabaseSettings(url=proxied_url.replace("postgresql://", driver)))
    await database.open()
    proxy.stall()
    async with asyncio.timeout(30):
        await database.close()

    assert not database.is_open


async def test_a_statement_over_the_command_timeout_is_cancelled_and_named(
    database_url: str,
) -> None:
    settings = DatabaseSettings(url=database_url, command_timeout=1)
    async with Database(settings) as database:
        with pytest.raises(CommandTimeoutError, match=r"than 1 s .*\n.*DATABASE_COMMAND_TIMEOUT"):
            async with database.session() as session:
                await session.exec(select(text("pg_sleep(60)")))

        assert await database_answers(database)
        assert database.stats().opened == 1


async def database_answers(database: Database) -> bool:
    async with database.reader() as reader:
        return (await reader.exec(select(literal(1)))).one() == 1


async def test_opening_says_what_was_opened_without_the_password(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    password = database_url.rpartition("@")[0].rpartition(":")[2]
    with caplog.at_level(logging.INFO, logger="wellhead"):
        async with Database(DatabaseSettings(url=database_url)):
            pass

    assert any("database opened: postgresql://" in message for message in caplog.messages)
    assert password not in caplog.text


async def test_a_missing_driver_is_named_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    database = Database(DatabaseSettings(url="postgresql+psycopg://u:p@localhost/db"))

    with pytest.raises(ConfigurationError, match=r"psycopg.*\n.*wellhead\[psycopg\]"):
        await database.open()


async def test_the_seeds_in_memory_sqlite_works_and_says_what_it_cannot_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="wellhead"):
        async with Database(DatabaseSettings(url="sqlite+aiosqlite:///:memory:")) as database:
            async with database.engine.begin() as connection:
                await connection.run_sync(Table.metadata.create_all)
            async with database.session() as session:
                session.add(Note(id=1))
            found = await notes(database)
            report = await database.check()
            mode = database.stats().mode

    assert found == [1]
    assert mode == "static"
    assert report.is_healthy
    assert any("SQLite" in message for message in caplog.messages)
