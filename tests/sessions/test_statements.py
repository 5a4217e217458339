"""What is asked before each statement and told after it, without a listener of SQLAlchemy's."""

import logging
from typing import Any

import pytest
from sqlalchemy import Sequence, event, func, select, text

from wellhead import Database, DatabaseSettings, ReadOnlyError
from wellhead.sessions.reader import GUARDED

DRIVERS = ("postgresql+asyncpg://", "postgresql+psycopg://")


@pytest.fixture(params=DRIVERS)
def settings(request: pytest.FixtureRequest, database_url: str) -> DatabaseSettings:
    return DatabaseSettings(url=database_url.replace("postgresql://", request.param))


async def test_no_connection_looks_for_listeners_where_the_application_has_none(
    settings: DatabaseSettings,
) -> None:
    async with Database(settings) as database, database.session() as session:
        connection = await session.run_sync(lambda sync: sync.connection())

        # The class has them for good once wellhead.testing has listened to all engines.
        of_engine = vars(connection.engine).get("_has_events", False)
        assert (connection._has_events, of_engine) == (False, False)  # noqa: SLF001 - as it says


async def test_listeners_of_the_application_hear_of_sessions_and_readers(
    settings: DatabaseSettings,
) -> None:
    heard = []
    async with Database(settings) as database:

        @event.listens_for(database.engine.sync_engine, "before_cursor_execute", retval=True)
        def comment(*arguments: Any) -> tuple[str, Any]:
            heard.append(arguments[2])
            return f"{arguments[2]} /* route */", arguments[3]

        async with database.session() as session:
            await session.execute(select(func.abs(1)))
        async with database.reader() as reader:
            assert await reader.scalar(select(func.abs(2))) == 2

    assert len(heard) == 2


async def test_what_sqlalchemy_asks_for_itself_is_not_told_of(
    settings: DatabaseSettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings.model_copy(update={"slow_query_threshold": 0.0})
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        async with Database(settings):
            pass

    slow = [each for each in caplog.records if getattr(each, "event", "") == "slow_query"]
    # Wellhead's own question for the server's limits.
    assert len(slow) == 1


async def test_what_has_no_statement_of_its_own_is_asked_for_too(
    settings: DatabaseSettings,
) -> None:
    async with Database(settings) as database:
        async with database.engine.begin() as connection:
            await connection.execute(text("CREATE SEQUENCE numbers"))
        reading = database.engine.execution_options(isolation_level="AUTOCOMMIT", **{GUARDED: True})
        async with reading.connect() as connection:
            with pytest.raises(ReadOnlyError, match="not proved"):
                await connection.run_sync(lambda sync: sync.scalar(Sequence("numbers")))


async def test_several_sets_of_parameters_count_as_a_change(settings: DatabaseSettings) -> None:
    async with Database(settings) as database, database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE words (word text)"))
    rows = [{"word": "a"}, {"word": "b"}]
    async with Database(settings) as database, database.reader() as reader:
        with pytest.raises(ReadOnlyError):
            await reader.execute(text("INSERT INTO words VALUES (:word)"), rows)  # type: ignore[arg-type]
