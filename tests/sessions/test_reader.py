"""Reading: one round trip, and never a write."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, col, select

from tests.staging.databases import Databases
from tests.staging.proxy import TCPProxy
from wellhead import Database, DatabaseSettings, Fault, ReadOnlyError, classify


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Hero(Table, table=True):
    """A row to read."""

    id: int = Field(primary_key=True)
    name: str


@pytest.fixture
async def database(proxied_url: str) -> Database:
    database = Database(DatabaseSettings(url=proxied_url))
    async with database, database.engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
        await connection.execute(insert(Hero).values(id=1, name="Ada"))
    return database


@pytest.fixture
async def either(either_url: str) -> AsyncIterator[Database]:
    """The same with one driver and then the other, and open."""
    async with Database(DatabaseSettings(url=either_url)) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
            await connection.execute(insert(Hero).values(id=1, name="Ada"))
        yield database


async def test_a_warm_read_costs_one_round_trip(database: Database, proxy: TCPProxy) -> None:
    async with database:
        for _ in range(3):
            proxy.reset()
            async with database.reader() as reader:
                hero = (await reader.exec(select(Hero).where(Hero.id == 1))).one()
        warm = proxy.round_trips

    assert hero.name == "Ada"
    assert warm == 1


async def test_get_reads_by_primary_key(database: Database) -> None:
    async with database, database.reader() as reader:
        hero, nobody = await reader.get(Hero, 1), await reader.get(Hero, 2)

    assert hero is not None
    assert hero.name == "Ada"
    assert nobody is None


async def test_parameters_are_passed_on(database: Database) -> None:
    statement = select(Hero.name).where(col(Hero.id) == text(":wanted"))
    async with database, database.reader() as reader:
        names = (await reader.exec(statement, params={"wanted": 1})).all()

    assert names == ["Ada"]


async def test_a_reader_holds_no_transaction(database: Database) -> None:
    state = text("select count(*) from pg_stat_activity where state like 'idle in transaction%'")
    async with database, database.reader() as reader:
        await reader.exec(select(Hero))
        async with database.engine.connect() as connection:
            waiting = await connection.scalar(state)

    assert waiting == 0


WRITES = {
    "an insert": insert(Hero).values(id=2, name="Eve"),
    "a delete": delete(Hero),
    "text that deletes": text("DELETE FROM hero"),
    "text after a semicolon": text("SELECT 1; DELETE FROM hero"),
    "text that writes inside a WITH": text("WITH x AS (DELETE FROM hero RETURNING 1) SELECT 1"),
    "text that makes a table": text("SELECT * INTO copy FROM hero"),
    "a comment before the write": text("/* read */ DELETE FROM hero"),
    "a select that deletes inside": select(
        delete(Hero).where(col(Hero.id) == 1).returning(col(Hero.id)).cte().c.id
    ),
    "a select that locks": select(Hero).with_for_update(),
    "text that locks": text("SELECT * FROM hero FOR UPDATE"),
    "text that shares a lock": text("SELECT * FROM hero FOR KEY SHARE"),
    "a call": text("CALL anything()"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
async def test_a_write_raises_before_anything_is_sent(
    write: Any, database: Database, proxy: TCPProxy
) -> None:
    async with database:
        async with database.reader() as reader:
            await reader.exec(select(Hero))
            proxy.reset()
            with pytest.raises(ReadOnlyError, match=r"nothing was sent.*\n.*db\.session"):
                await reader.exec(write)
        sent = proxy.bytes_to_server
        async with database.reader() as reader:
            count = (await reader.exec(select(func.count()).select_from(Hero))).one()

    assert sent == 0
    assert count == 1


async def test_text_that_reads_passes(database: Database) -> None:
    async with database, database.reader() as reader:
        result = await reader.exec(text("SELECT name FROM hero"))

    assert result.all() == [("Ada",)]


async def test_there_is_nothing_to_write_with(database: Database) -> None:
    async with database, database.reader() as reader:
        found = [name for name in ("add", "delete", "flush", "commit") if hasattr(reader, name)]

    assert found == []


async def test_sessions_of_the_same_database_still_write(database: Database) -> None:
    async with database:
        async with database.reader() as reader:
            await reader.exec(select(Hero))
        async with database.session() as session:
            session.add(Hero(id=2, name="Eve"))
        async with database.reader() as reader:
            names = set((await reader.exec(select(Hero.name))).all())

    assert names == {"Ada", "Eve"}


async def test_a_read_whose_connection_ended_meanwhile_is_not_noticed(
    either: Database, databases: Databases
) -> None:
    async with either.reader() as reader:
        before = (await reader.exec(select(Hero).where(Hero.id == 1))).one()
        pid = (await reader.exec(text("SELECT pg_backend_pid()"))).scalar_one()
        databases.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
        after = (await reader.exec(select(Hero).where(Hero.id == 1))).one()

    assert (before.name, after.name) == ("Ada", "Ada")
    assert either.run_stats().reads_repeated == {Fault.CONNECTION_LOST: 1}


async def test_a_read_whose_answer_is_lost_is_sent_once_more(
    either: Database, proxy: TCPProxy, caplog: pytest.LogCaptureFixture
) -> None:
    async with either.reader() as reader:
        await reader.exec(select(Hero))
        proxy.break_at(b"lost", passes=True)
        with caplog.at_level("WARNING", "wellhead"):
            answer = (await reader.exec(text("SELECT 'lost'"))).scalar_one()

    assert answer == "lost"
    assert [vars(each)["event"] for each in caplog.records] == ["reader_retry"]
    assert "SELECT" not in caplog.text


async def test_a_read_that_is_lost_twice_is_raised(either: Database, proxy: TCPProxy) -> None:
    for _ in range(2):
        proxy.break_at(b"lost", passes=True)
    async with either.reader() as reader:
        with pytest.raises(DBAPIError) as caught:
            await reader.exec(text("SELECT 'lost'"))

    assert classify(caught.value).fault is Fault.CONNECTION_LOST


async def test_a_read_whose_plan_a_migration_made_stale_is_not_noticed(either: Database) -> None:
    async with either.reader() as reader:
        for _ in range(7):
            await reader.exec(text("SELECT * FROM hero"))
        async with either.engine.begin() as connection:
            await connection.exec_driver_sql("ALTER TABLE hero ADD COLUMN age int")
        for _ in range(7):
            row = (await reader.exec(text("SELECT * FROM hero"))).one()

    assert row._mapping["age"] is None  # noqa: SLF001 - SQLAlchemy's public name
    assert either.run_stats().reads_repeated == {Fault.STALE_PLAN: 1}


async def test_a_read_is_repeated_where_the_pool_has_only_one_connection(
    either_url: str, proxy: TCPProxy
) -> None:
    settings = DatabaseSettings(
        url=either_url, pool_size=1, max_overflow=0, pool_timeout=1.1, connect_timeout=1
    )
    async with Database(settings) as database, database.reader() as reader:
        proxy.break_at(b"lost", passes=True)
        await reader.exec(text("SELECT 'lost'"))

        assert database.stats().checked_out == 1


async def test_a_mistake_in_a_read_is_not_repeated(either: Database, proxy: TCPProxy) -> None:
    async with either.reader() as reader:
        proxy.reset()
        with pytest.raises(ProgrammingError):
            await reader.exec(text("SELECT * FROM nowhere"))

    assert either.run_stats().reads_repeated == {}
