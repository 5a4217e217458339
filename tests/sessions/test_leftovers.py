"""What a borrower of a connection leaves on it does not reach the next."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, event, func, insert, select, text

from tests.staging.patience import until
from wellhead import AsyncPool, Database, DatabaseSettings
from wellhead.testing.proxy import TCPProxy

note = Table("note", MetaData(), Column("id", Integer, primary_key=True))


@pytest.fixture
async def database(either_url: str) -> AsyncIterator[Database]:
    settings = DatabaseSettings(url=either_url, pool_size=1, max_overflow=0, command_timeout=2)
    async with Database(settings) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(note.metadata.create_all)
        yield database


LEFTOVERS = {
    "a setting": ("SET app.tenant = 'a'", "SELECT current_setting('app.tenant', true)", ("", None)),
    "set_config": (
        "SELECT set_config('app.tenant', 'a', false)",
        "SELECT current_setting('app.tenant', true)",
        ("", None),
    ),
    "a path": ("SET search_path TO red", "SHOW search_path", ('"$user", public',)),
    "a role": ("SET ROLE pg_read_all_data", "SELECT current_user = session_user", (True,)),
    "a listener": ("LISTEN news", "SELECT count(*) FROM pg_listening_channels()", (0,)),
    "a lock": (
        "SELECT pg_advisory_lock(7)",
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
        (0,),
    ),
    "a temporary table": (
        "CREATE TEMPORARY TABLE mine (id int)",
        "SELECT to_regclass('pg_temp.mine') IS NULL",
        (True,),
    ),
    "a prepared statement": (
        "PREPARE mine AS SELECT 1",
        "SELECT count(*) FROM pg_prepared_statements WHERE from_sql",
        (0,),
    ),
    "a held cursor": (
        "DECLARE mine CURSOR WITH HOLD FOR SELECT 1",
        "SELECT count(*) FROM pg_cursors WHERE is_holdable",
        (0,),
    ),
}


@pytest.mark.parametrize("name", LEFTOVERS)
async def test_what_a_session_sets_ends_with_it(database: Database, name: str) -> None:
    leave, look, clean = LEFTOVERS[name]
    async with database.session() as session:
        await (await session.connection()).execute(text(leave))
    async with database.session() as session:
        found = await (await session.connection()).scalar(text(look))

    assert found in clean


@pytest.mark.parametrize("name", LEFTOVERS)
async def test_what_a_driver_connection_sets_ends_with_its_block(
    database: Database, name: str
) -> None:
    leave, look, clean = LEFTOVERS[name]
    pool = database.engine.sync_engine.pool
    assert isinstance(pool, AsyncPool)
    async with pool.driver_connection() as connection, connection.transaction():
        await connection.execute(leave)
    async with database.session() as session:
        found = await (await session.connection()).scalar(text(look))

    assert found in clean


async def test_the_connection_itself_is_kept(database: Database) -> None:
    for _ in range(5):
        async with database.session() as session:
            await (await session.connection()).execute(text("SET app.tenant = 'a'"))
    await until(lambda: database.stats().idle == 1)

    assert database.stats().opened == 1


async def test_statements_built_of_tables_cost_no_round_trip_more(
    database: Database, proxy: TCPProxy
) -> None:
    trips = []
    for number in range(4):
        await until(lambda: database.stats().idle == 1)
        proxy.reset()
        async with database.session() as session:
            await (await session.connection()).execute(insert(note).values(id=number))
        await until(lambda: database.stats().idle == 1)
        trips.append(proxy.round_trips)

    assert trips[-1] == 3


async def test_a_connection_that_a_listener_has_set_up_is_replaced(either_url: str) -> None:
    settings = DatabaseSettings(url=either_url, pool_size=1, max_overflow=0)
    database = Database(settings)
    async with database:

        @event.listens_for(database.engine.sync_engine, "connect")
        def set_up(connection: object, record: object) -> None:
            del connection, record

        async with database.session() as session:
            await (await session.connection()).execute(text("SET app.tenant = 'a'"))
        await until(lambda: database.stats().active == 0)

        assert database.stats().closed["unclean"] == 1


async def test_a_forgotten_statement_costs_its_connection_and_no_other_caller(
    database: Database,
) -> None:
    forgotten: list[asyncio.Task[object]] = []
    try:
        async with database.session() as session:
            connection = await session.connection()
            slow = connection.execute(text("SELECT pg_sleep(60)"))
            forgotten.append(asyncio.create_task(slow))
            await until(lambda: database.stats().active == 1)
            await asyncio.sleep(0.05)
    except Exception:  # noqa: BLE001 - whatever its own end is, the next callers matter here
        logging.getLogger(__name__).debug("the culprit was told")
    for number in range(5):
        async with database.session() as session:
            found = await (await session.connection()).scalar(select(func.abs(-number)))

        assert found == number
    [end] = await asyncio.gather(*forgotten, return_exceptions=True)

    assert isinstance(end, BaseException)


async def test_behind_a_pooler_a_setting_is_warned_of(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = DatabaseSettings(url=f"{database_url}?pgbouncer=true&sslmode=disable")
    with caplog.at_level(logging.WARNING, "wellhead"):
        async with Database(settings) as database, database.session() as session:
            connection = await session.connection()
            await connection.execute(text("SET LOCAL app.tenant = 'a'"))
            await connection.execute(select(func.set_config("app.tenant", "b", True)))
            before = len(caplog.records)
            await connection.execute(text("SET app.tenant = 'a'"))

    events = [vars(each)["event"] for each in caplog.records]
    assert (before, events) == (0, ["session_state_behind_pooler"])
    assert "tenant" not in caplog.text
