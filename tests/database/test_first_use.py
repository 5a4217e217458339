"""A database that leads to that of a test opens where it is used, and is closed with its loop."""

import asyncio
import logging
from typing import Any

import pytest
from sqlmodel import select

from tests.staging.patience import until
from wellhead import ConfigurationError, Database, DatabaseSettings, NotOpenError

ELSEWHERE = DatabaseSettings(url="postgresql://u:p@127.0.0.1:1/elsewhere")


async def ask(database: Database[Any]) -> int:
    async with database.reader() as reader:
        return (await reader.exec(select(1))).one()


def test_it_opens_in_each_loop_that_uses_it_and_nothing_is_left(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    database: Database[Any] = Database(ELSEWHERE)
    with database.leading_to(DatabaseSettings(url=database_url)):
        assert [asyncio.run(ask(database)) for _ in range(2)] == [1, 1]

    with database.leading_to(DatabaseSettings(url=database_url)):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(ask(database))
    with database.leading_to(DatabaseSettings(url=database_url)):
        assert asyncio.run(ask(database)) == 1
    loop.close()

    assert not database.is_open
    assert database.settings is ELSEWHERE
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


async def test_opening_and_closing_it_goes_on_as_ever(database_url: str) -> None:
    async def secret() -> str:
        raise AssertionError

    database: Database[Any] = Database(ELSEWHERE, credentials=secret)
    with database.leading_to(DatabaseSettings(url=database_url)):
        async with database:
            assert await ask(database) == 1
        assert await ask(database) == 1
        async with database:
            assert await ask(database) == 1
        assert (await database.check()).is_healthy
        await database.close()

    with pytest.raises(NotOpenError, match=r"wellhead\.testing"):
        await ask(database)


async def test_it_is_closed_at_the_end_of_the_block_in_a_loop_that_goes_on(
    database_url: str,
) -> None:
    database: Database[Any] = Database(ELSEWHERE)
    with database.leading_to(DatabaseSettings(url=database_url)):
        assert await ask(database) == 1
        pool = database.pool
    # The loop is told to close it.
    await until(lambda: not pool.is_left_open)


async def test_one_that_is_open_leads_nowhere_else(database_url: str) -> None:
    async with Database(DatabaseSettings(url=database_url)) as database:
        with (
            pytest.raises(ConfigurationError, match="is open"),
            database.leading_to(ELSEWHERE),
        ):
            pass
