"""What is listened for on an engine."""

import logging

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from wellhead import Database, DatabaseSettings, Fault, classify

DRIVERS = ("postgresql+asyncpg://", "postgresql+psycopg://")


async def test_a_slow_statement_is_logged_without_its_text_or_values(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Database(DatabaseSettings(url=database_url, slow_query_threshold=0)) as database:
        # Opening asks the server for its limits.
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="wellhead"):
            async with database.engine.connect() as connection:
                await connection.execute(text("SELECT :word AS secret_column"), {"word": "hush"})

    (record,) = [each for each in caplog.records if getattr(each, "event", "") == "slow_query"]
    assert record.getMessage().startswith("slow query: SELECT took ")
    assert "secret_column" not in caplog.text
    assert "hush" not in caplog.text


async def test_a_statement_under_the_threshold_is_not_logged(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = DatabaseSettings(url=database_url, slow_query_threshold=3600)
    async with Database(settings) as database, database.engine.connect() as connection:
        await connection.execute(text("SELECT 1"))

    assert not [each for each in caplog.records if getattr(each, "event", "") == "slow_query"]


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_column_that_changes_its_type_fails_a_warm_statement_once_on_each_connection(
    driver: str, database_url: str
) -> None:
    url = database_url.replace("postgresql://", driver)
    settings = DatabaseSettings(url=url, pool_size=1, max_overflow=0)
    ask = text("SELECT word FROM words")
    faults = []
    async with Database(settings) as database, Database(settings) as other:
        await change(other, "CREATE TABLE words AS SELECT 1 AS word")
        # As a reader's, which would send the statement once more.
        reading = database.engine.execution_options(isolation_level="AUTOCOMMIT")
        for attempt in range(14):
            if attempt == 10:
                await change(other, "ALTER TABLE words ALTER word TYPE bigint")
            try:
                async with reading.connect() as connection:
                    await connection.execute(ask)
            except DBAPIError as error:
                faults.append((attempt, classify(error).fault))

    assert faults == [(10, Fault.STALE_PLAN)]


async def change(database: Database, statement: str) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(text(statement))
