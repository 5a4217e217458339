"""A statement with more parameters than can be sent: the error says the numbers, and what to do."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, bindparam, func, insert, select
from sqlalchemy.exc import StatementError

from wellhead import Database, DatabaseSettings, Fault, classify, compiled

NUMBER = Table("number", MetaData(), Column("value", Integer, primary_key=True))
MANY = range(66_000)


@pytest.fixture
async def database(either_url: str) -> AsyncIterator[Database]:
    async with Database(DatabaseSettings(url=either_url)) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(NUMBER.metadata.create_all)
        yield database


async def test_a_long_list_is_refused_with_its_length_and_a_way_out(database: Database) -> None:
    limit = {"asyncpg": 32_767, "psycopg": 65_535}[database.engine.dialect.driver]
    statement = select(NUMBER.c.value).where(NUMBER.c.value.in_(MANY))
    async with database.reader() as reader:
        with pytest.raises(StatementError) as caught:
            await reader.execute(statement)

    assert f"has 66000 parameters, and {database.engine.dialect.driver} can send {limit}" in str(
        caught.value
    )
    assert "as one array" in str(caught.value)
    assert classify(caught.value).fault is Fault.PROGRAMMING


async def test_what_the_error_says_works(database: Database) -> None:
    async with database.session() as session:
        await session.execute(insert(NUMBER), [{"value": each} for each in range(-1, 3)])
    find = compiled(select(func.count()).where(NUMBER.c.value.in_(bindparam("values"))))

    assert await find.one(database, values=list(MANY)) == len(range(3))


async def test_an_error_of_many_short_sets_stays_what_it_is(database: Database) -> None:
    rows = [{"value": 1}] * 33_000
    async with database.engine.connect() as connection:
        with pytest.raises(Exception, match="duplicate key"):
            await connection.execute(insert(NUMBER), rows)
