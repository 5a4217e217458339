"""The engine that readers use."""

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from wellhead import Database, DatabaseSettings
from wellhead.sessions.autocommit import AutocommitEngine

DRIVERS = ("postgresql+asyncpg://", "postgresql+psycopg://")


@pytest.fixture(params=DRIVERS)
def settings(request: pytest.FixtureRequest, database_url: str) -> DatabaseSettings:
    url = database_url.replace("postgresql://", request.param)
    return DatabaseSettings(url=url, pool_size=1, max_overflow=0)


async def commits_by_itself(connection: AsyncConnection) -> bool:
    """Whether each of two statements has a transaction of its own."""
    ask = text("SELECT txid_current()")
    first, second = await connection.scalar(ask), await connection.scalar(ask)
    return bool(first != second)


async def test_its_connections_commit_by_themselves_until_they_go_back(
    settings: DatabaseSettings,
) -> None:
    found = []
    async with Database(settings) as database:
        reading = AsyncEngine(AutocommitEngine(database.engine.sync_engine))
        for engine in (database.engine, reading, database.engine):
            async with engine.connect() as connection:
                found.append(await commits_by_itself(connection))

    assert found == [False, True, False]


async def test_further_options_leave_them_in_autocommit(settings: DatabaseSettings) -> None:
    async with Database(settings) as database:
        engine = AutocommitEngine(database.engine.sync_engine, first=1).execution_options(second=2)
        async with AsyncEngine(engine).connect() as connection:
            is_kept = await commits_by_itself(connection)
            options = await connection.run_sync(lambda sync: sync.get_execution_options())

    assert is_kept
    assert {**options, "first": 1, "second": 2, "isolation_level": "AUTOCOMMIT"} == options


async def test_a_level_that_is_set_on_one_of_them_ends_with_its_use(
    settings: DatabaseSettings,
) -> None:
    async with Database(settings) as database:
        reading = AsyncEngine(AutocommitEngine(database.engine.sync_engine))
        async with reading.connect() as connection:
            await connection.execution_options(isolation_level="SERIALIZABLE")
            is_kept = await commits_by_itself(connection)
        async with database.engine.connect() as connection:
            level = await connection.scalar(text("SHOW transaction_isolation"))

    assert (is_kept, level) == (False, "read committed")


async def test_it_looks_for_listeners_only_where_the_application_has_some(
    settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The class has some for good once wellhead.testing has listened to all engines.
    monkeypatch.setattr(Engine, "_has_events", False)
    async with Database(settings) as database:
        engine = AutocommitEngine(database.engine.sync_engine)
        before = engine._has_events  # noqa: SLF001 - what SQLAlchemy asks before it looks
        event.listen(database.engine.sync_engine, "begin", lambda _: None)

        assert (before, engine._has_events) == (False, True)  # noqa: SLF001 - the same
