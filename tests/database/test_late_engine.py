"""An engine that a tool is given when the program starts, before the database is open."""

from typing import Any

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from tests.staging.patience import until
from wellhead import Database, DatabaseSettings, ExclusiveSession, NotOpenError


@pytest.fixture
def database(either_url: str) -> Database:
    return Database(DatabaseSettings(url=either_url))


def test_it_is_an_engine_of_sqlalchemys_before_there_is_one(database: Database) -> None:
    engine = database.engine

    assert isinstance(engine, AsyncEngine)
    assert repr(engine) == "<LateEngine>"
    assert database.is_open is False


async def test_used_too_early_it_says_that_the_database_is_not_open(database: Database) -> None:
    engine = database.engine
    make = async_sessionmaker(engine)

    uses: list[Any] = [
        engine.connect,
        make,
        lambda: AsyncSession(engine),
        lambda: engine.dialect,
        lambda: engine.sync_engine,
        lambda: engine.execution_options(isolation_level="AUTOCOMMIT"),
    ]
    for use in uses:
        with pytest.raises(NotOpenError, match="is not open"):
            use()
    with pytest.raises(NotOpenError, match="is not open"):
        async with engine.begin():
            pass


@pytest.mark.parametrize("kind", [AsyncSession, ExclusiveSession])
async def test_sessions_of_a_maker_made_before_use_the_pool(
    database: Database, kind: type[AsyncSession]
) -> None:
    make = async_sessionmaker(database.engine, class_=kind, expire_on_commit=False)

    async with database:
        async with make() as session:
            assert await session.scalar(text("SELECT 7")) == 7
            assert database.stats().checked_out == 1
        async with make.begin() as session:
            assert await session.scalar(text("SELECT 8")) == 8
        # Text may have left something behind, which is reset in the background.
        await until(lambda: database.stats().checked_out == 0)


async def test_it_leads_to_the_pool_of_the_database_that_is_open_now(database: Database) -> None:
    engine = database.engine
    pools = []
    for _ in range(2):
        async with database, engine.begin() as connection:
            assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
            assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == []
            pools.append(engine.pool)
            assert engine.pool is database.pool

    assert pools[0] is not pools[1]
    with pytest.raises(NotOpenError):
        engine.connect()


async def test_it_is_the_engine_of_the_database_however_often_it_is_asked_for(
    database: Database,
) -> None:
    async with database:
        assert database.engine == database.engine
        assert database.engine.sync_engine is database.engine.sync_engine


async def test_its_options_lead_to_the_same_pool(database: Database) -> None:
    async with database:
        engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            assert database.stats().checked_out == 1
