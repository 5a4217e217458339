"""Which way each statement takes, and that its results are the same on each of them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError

from tests.staging.patience import until
from wellhead import Database, DatabaseSettings, NotOpenError, ReadOnlyError, compiled
from wellhead.pool import AsyncPool
from wellhead.pool.holders import nearest
from wellhead.testing.proxy import TCPProxy

made = iter(range(1, 1000))
things = Table(
    "things",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False),
    Column("number", Integer, default=lambda: next(made)),
    Column("label", String(40), default=lambda context: context.get_current_parameters()["name"]),
    Column("changes", Integer, default=0, onupdate=7),
)

put = compiled(insert(things).values(name=bindparam("name")).returning(things))
rename = compiled(
    update(things).where(things.c.id == bindparam("id")).values(name=bindparam("name"))
)
changes = compiled(select(things.c.changes).where(things.c.id == bindparam("id")))
names = compiled(select(things.c.name).order_by(things.c.id))
some = compiled(
    select(things.c.name)
    .where(things.c.id > bindparam("after", 0))
    .order_by(things.c.id)
    .limit(bindparam("limit", 2))
)
own = compiled(select(func.own_function(bindparam("n", type_=Integer))))
writes = compiled(select(func.writing_function()))
locks = compiled(select(things.c.name).with_for_update())
locks_session = compiled(select(func.pg_advisory_lock(1)))
gone = delete(things).where(things.c.id == bindparam("id")).returning(things.c.name).cte("gone")
take = compiled(select(gone.c.name))
notify = compiled(update(things).values(number=func.own_function(things.c.number)))


async def set_up(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.run_sync(things.metadata.create_all)
        await connection.execute(insert(things), [{"name": each} for each in "abc"])
        if connection.dialect.name == "postgresql":
            await connection.execute(
                text(
                    "CREATE FUNCTION own_function(n int) RETURNS int LANGUAGE sql AS 'SELECT n + 1'"
                )
            )
            await connection.execute(
                text(
                    "CREATE FUNCTION writing_function() RETURNS void LANGUAGE sql "
                    "AS 'DELETE FROM things'"
                )
            )


@pytest.fixture
async def database(either_url: str) -> AsyncIterator[Database]:
    async with Database(DatabaseSettings(url=either_url)) as database:
        await set_up(database)
        yield database


@pytest.fixture(params=["pool", "no pool", "echo", "unprepared", "limits"])
async def any_database(request: pytest.FixtureRequest, either_url: str) -> AsyncIterator[Database]:
    options: dict[str, dict[str, Any]] = {
        "no pool": {"pool_mode": "none"},
        "echo": {"echo": True},
        "unprepared": {"prepared_statements": "off"},
        "limits": {"statement_timeout": 20},
    }
    settings = DatabaseSettings(url=either_url, **options.get(request.param, {}))
    async with Database(settings) as database:
        await set_up(database)
        yield database


async def test_every_way_has_the_same_results(any_database: Database) -> None:
    made = await put.one(any_database, name="d")

    assert (made.id, made.name, made.label, made.changes) == (4, "d", "d", 0)
    assert made.number > 0
    assert await rename.execute(any_database, id=4, name="e") == 1
    assert await changes.one(any_database, id=4) == 7
    assert await names.all(any_database) == ["a", "b", "c", "e"]
    assert await names.first(any_database) == "a"
    assert await some.all(any_database) == ["a", "b"]
    assert await some.all(any_database, limit=1, after=2) == ["c"]
    assert await own.one(any_database, n=1) == 2
    assert await take.all(any_database, id=4) == ["e"]
    assert await notify.execute(any_database) == 3
    async with names.stream(any_database) as rows:
        assert [each async for each in rows] == ["a", "b", "c"]
    async with any_database.session() as session:
        assert (await put.one(session, name="f")).name == "f"
    assert await names.all(any_database) == ["a", "b", "c", "f"]
    assert any_database.stats().checked_out == 0


async def test_a_held_connection_leads_to_the_line_that_writes(database: Database) -> None:
    pool = database.engine.sync_engine.pool
    assert isinstance(pool, AsyncPool)

    async def write() -> None:
        await rename.execute(database, id=1, name="y")

    async with database.session() as session:
        await session.execute(update(things).values(name="x"))
        writing = asyncio.create_task(write())
        await until(lambda: len(pool.core.lent) == 2)
        held_by = [nearest(slot.stack) or "" for slot in pool.core.lent]
    await writing

    assert [each for each in held_by if each.startswith("write (test_runner.py:")]


async def test_sqlite_runs_them_too() -> None:
    by_name = compiled(
        select(things.c.id).where(things.c.name.in_(bindparam("names"))).order_by(things.c.id)
    )
    async with Database(DatabaseSettings(url="sqlite+aiosqlite:///:memory:")) as database:
        await set_up(database)

        assert (await put.one(database, name="d")).id == 4
        assert await by_name.all(database, names=["a", "d"]) == [1, 4]
        async with database.session() as session:
            assert await by_name.all(session, names=["c"]) == [3]


async def test_what_is_not_proved_runs_in_a_read_only_transaction(
    database: Database, proxy: TCPProxy
) -> None:
    await own.one(database, n=1)
    proxy.reset()
    assert await own.one(database, n=1) == 2
    assert proxy.round_trips >= 3
    with pytest.raises(ReadOnlyError, match="writes"):
        await writes.all(database)
    with pytest.raises(ReadOnlyError, match="locks rows"):
        await locks.all(database)
    with pytest.raises(ReadOnlyError, match="pg_advisory_lock"):
        await locks_session.all(database)
    async with database.session() as session:
        assert await locks.all(session) == ["a", "b", "c"]
    assert await names.all(database) == ["a", "b", "c"]


async def test_what_a_session_runs_leaves_the_connection_clean(database: Database) -> None:
    async with database.session() as session:
        await locks_session.all(session)
    async with database.engine.connect() as connection:
        held = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")

        async def are_gone() -> bool:
            return bool(await connection.scalar(held) == 0)

        await until(are_gone)


@pytest.mark.parametrize("values", [{}, {"id": 1}, {"id": 1, "name": "x", "other": 2}])
async def test_values_that_are_missing_or_unknown_are_named(
    database: Database, values: dict[str, Any]
) -> None:
    taken = database.stats().acquired
    with pytest.raises(TypeError, match="it takes id, name"):
        await rename.execute(database, **values)

    assert database.stats().acquired == taken


async def test_the_autocommit_of_a_connection_ends_with_the_query(database: Database) -> None:
    await names.all(database)
    with pytest.raises(DBAPIError):
        await compiled(select(literal(1) / bindparam("by", type_=Integer))).all(database, by=0)
    async with database.session() as session:
        await rename.execute(session, id=1, name="z")
        await session.rollback()

    assert await names.first(database) == "a"


async def test_closing_waits_for_what_is_under_way(database: Database) -> None:
    slow = compiled(select(func.pg_sleep(bindparam("seconds")).cast(String)))
    running = asyncio.create_task(slow.all(database, seconds=0.3))
    await asyncio.sleep(0)  # It has begun.
    await database.close()

    assert await running == [""]
    with pytest.raises(NotOpenError):
        await names.all(database)
