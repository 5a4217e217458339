"""All that a test opens joins its one transaction, and the application notices as little as can be.

Each test runs with both drivers; `tests/testing/conftest.py` has the application.
"""

import asyncio
from typing import Any

import asyncpg
import pytest
from httpx2 import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import col, func, insert, select, update

from tests.testing.conftest import Item, Line
from wellhead import Database, ExclusiveSession, compiled

COUNT = select(func.count()).select_from(Item)
GET_ITEM = compiled(select(Item).where(col(Item.code) == "lamp"))
ADD_ITEM = compiled(insert(Item).values(code="lamp"))


async def count(database: Database[Any]) -> int:
    async with database.reader() as reader:
        return (await reader.exec(COUNT)).one()


async def add(session: ExclusiveSession) -> None:
    session.add(Item(code="by run"))


async def test_all_ways_to_the_database_see_what_the_others_have_committed(
    database: Database[Any],
) -> None:
    async with database.session() as session:
        session.add(Item(code="session"))
    await database.run(add)
    async with database.engine.begin() as connection:
        await connection.execute(text("INSERT INTO item VALUES ('engine')"))
    await ADD_ITEM.execute(database)

    assert await count(database) == 4
    assert await GET_ITEM.first(database) == Item(code="lamp")
    async with database.engine.connect() as connection:
        assert (await connection.execute(COUNT)).scalar_one() == 4
    async with database.session() as session:
        assert (await session.exec(COUNT)).one() == 4


@pytest.mark.parametrize("turn", [1, 2])
async def test_nothing_is_left_of_the_test_before(database: Database[Any], turn: int) -> None:
    del turn
    assert await count(database) == 0
    async with database.session() as session:
        session.add(Item(code="lamp"))


async def test_a_connection_of_the_tests_own_joins(
    database: Database[Any], wellhead_url: str
) -> None:
    connection = await asyncpg.connect(wellhead_url)
    await connection.execute("INSERT INTO item VALUES ($1)", "lamp")
    async with connection.transaction():
        await connection.execute("INSERT INTO item VALUES ('rug')")
    await connection.close()

    assert await count(database) == 2


async def test_a_rollback_takes_back_its_own_unit_only(database: Database[Any]) -> None:
    async with database.session() as session:
        session.add(Item(code="lamp"))

    async def fail(session: ExclusiveSession) -> None:
        session.add(Item(code="rug"))
        await session.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.run(fail)

    assert await count(database) == 1


async def test_the_codes_own_savepoints_behave(database: Database[Any]) -> None:
    async with database.session() as session:
        session.add(Item(code="lamp"))
        with pytest.raises(IntegrityError):
            async with session.begin_nested():
                session.add(Item(code="lamp"))
        session.add(Item(code="rug"))

    assert await count(database) == 2


async def test_a_session_that_commits_twice_keeps_the_first_part(database: Database[Any]) -> None:
    async with database.engine.connect() as connection:
        await connection.execute(text("INSERT INTO item VALUES ('lamp')"))
        await connection.commit()
        await connection.execute(text("INSERT INTO item VALUES ('rug')"))
        await connection.rollback()

    assert await count(database) == 1


async def test_a_statement_that_commits_by_itself_and_fails_breaks_nothing(
    database: Database[Any],
) -> None:
    await ADD_ITEM.execute(database)
    with pytest.raises(IntegrityError):
        await ADD_ITEM.execute(database)
    async with database.reader() as reader:
        with pytest.raises(DBAPIError):
            await reader.exec(text("SELECT 1 / 0"))

    assert await count(database) == 1


async def test_a_deferred_constraint_is_checked_at_each_commit(client: AsyncClient) -> None:
    assert (await client.put("/items/lamp")).status_code == 201

    for _ in range(2):
        assert (await client.put("/lines/none")).status_code in {409, 422}
        assert (await client.put("/lines/lamp")).status_code == 201

    assert (await client.get("/items")).json() == 1


async def test_a_deferred_constraint_is_deferred_again_after_a_commit(
    database: Database[Any],
) -> None:
    async with database.session() as session:
        session.add(Item(code="rug"))
    async with database.session() as session:
        await session.exec(insert(Line).values(code="lamp"))
        await session.exec(insert(Item).values(code="lamp"))

    assert await count(database) == 2


async def test_a_deferred_constraint_is_checked_after_a_statement_that_commits_by_itself(
    database: Database[Any], wellhead_url: str
) -> None:
    connection = await asyncpg.connect(wellhead_url)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await connection.execute("INSERT INTO line (code) VALUES ('lamp')")
    await connection.close()

    async with database.reader() as reader:
        assert (await reader.exec(select(Line))).all() == []


async def test_what_is_set_locally_ends_with_its_unit(database: Database[Any]) -> None:
    tenant = text("SELECT current_setting('app.tenant', true)")
    async with database.session() as session:
        await session.exec(text("SET LOCAL app.tenant = '7'"))
        assert (await session.exec(tenant)).scalar_one() == "7"

    async with database.session() as session:
        assert not (await session.exec(tenant)).scalar_one()


async def test_what_is_set_for_a_session_stays_its_own(wellhead_url: str) -> None:
    one, other = await asyncpg.connect(wellhead_url), await asyncpg.connect(wellhead_url)
    await one.execute("SET search_path = 'pg_temp'")

    assert await one.fetchval("SHOW search_path") == "pg_temp"
    assert await other.fetchval("SHOW search_path") != "pg_temp"
    await one.execute("RESET ALL")
    assert await one.fetchval("SHOW search_path") != "pg_temp"
    await one.close()
    await other.close()


async def test_a_readers_text_runs_in_a_transaction_that_only_reads(
    database: Database[Any],
) -> None:
    async with database.reader() as reader:
        shown = await reader.exec(text("SELECT current_setting('transaction_read_only')"))
        assert shown.scalar_one() == "on"

    async with database.session() as session:
        session.add(Item(code="lamp"))
    assert await count(database) == 1


async def test_concurrent_requests_take_turns(client: AsyncClient) -> None:
    codes = [*range(12), 3, 4]
    ways = ["", "/by-run"]
    responses = await asyncio.gather(
        *(client.put(f"/items/{code}{ways[code % 2]}") for code in codes)
    )

    assert [each.status_code for each in responses] == [201] * 12 + [409] * 2
    assert (await client.get("/items")).json() == 12


async def test_an_error_in_one_request_leaves_the_rows_of_the_others(client: AsyncClient) -> None:
    assert (await client.put("/items/lamp")).status_code == 201
    assert (await client.put("/items/lamp/by-run")).status_code == 409

    assert (await client.get("/items")).json() == 1


async def test_a_request_uses_a_session_and_a_reader_together(client: AsyncClient) -> None:
    await client.put("/items/lamp")

    assert (await client.get("/items/lamp/twice")).json() == [True] * 4


async def test_a_session_in_the_block_of_another_is_refused(database: Database[Any]) -> None:
    async with database.session() as session:
        session.add(Item(code="lamp"))
        await session.flush()
        with pytest.raises(DBAPIError, match=r"in the block of another one .*commit=True"):
            await database.run(add)

    assert await count(database) == 1


async def test_a_compiled_write_in_the_block_of_a_session_is_refused(
    database: Database[Any],
) -> None:
    async with database.session() as session:
        assert (await session.exec(COUNT)).one() == 0
        assert await GET_ITEM.first(database) is None
        with pytest.raises(DBAPIError, match="outside the session wrote"):
            await ADD_ITEM.execute(database)

    assert await count(database) == 0


async def test_a_request_that_is_cancelled_leaves_the_transaction_usable(
    database: Database[Any],
) -> None:
    await ADD_ITEM.execute(database)

    async def sleep() -> None:
        async with database.session() as session:
            await session.exec(update(Item).values(code="rug"))
            await session.exec(text("SELECT pg_sleep(600)"))

    async def wait() -> None:
        async with database.session() as session:
            await session.exec(COUNT)

    sleeping = asyncio.create_task(sleep())
    await asyncio.sleep(0.2)
    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0.2)
    waiting.cancel()
    sleeping.cancel()
    await asyncio.wait({sleeping, waiting})

    assert await GET_ITEM.first(database) == Item(code="lamp")


async def test_rows_can_be_copied_and_streamed(database: Database[Any], wellhead_url: str) -> None:
    connection = await asyncpg.connect(wellhead_url)
    rows = [(f"item {number}",) for number in range(2000)]
    await connection.copy_records_to_table("item", records=rows)
    async with connection.transaction():
        streamed = [row["code"] async for row in connection.cursor("SELECT code FROM item")]
    await connection.close()

    assert len(streamed) == 2000
    async with database.session() as session:
        result = await session.stream(select(Item))
        assert len([row async for row in result]) == 2000


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "isolation level"),
        ("LISTEN news", "LISTEN"),
        ("CREATE INDEX CONCURRENTLY ON item (code)", "cannot run inside a transaction"),
        ("SELECT 1; COMMIT; SELECT 2", "several statements"),
        ("PREPARE TRANSACTION 'x'", "two phases"),
        ("COMMIT AND CHAIN", "CHAIN"),
    ],
)
async def test_what_cannot_be_had_in_a_transaction_names_the_mark(
    database: Database[Any], wellhead_url: str, statement: str, why: str
) -> None:
    connection = await asyncpg.connect(wellhead_url)
    with pytest.raises(
        asyncpg.PostgresError, match=rf"{why}.*@pytest\.mark\.wellhead\(commit=True"
    ):
        await connection.execute(statement)
    await connection.close()

    assert await count(database) == 0


async def test_a_transaction_that_is_refused_leaves_its_connection_usable(
    database: Database[Any], wellhead_url: str
) -> None:
    connection = await asyncpg.connect(wellhead_url)
    for _ in range(2):
        with pytest.raises(asyncpg.FeatureNotSupportedError, match="isolation level"):
            async with connection.transaction(isolation="serializable"):
                await connection.execute("SELECT 1")
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("INSERT INTO item VALUES ('lamp')")
    await transaction.rollback()
    await connection.close()

    assert await count(database) == 0


@pytest.mark.parametrize("statement", ["SAVEPOINT a", "DECLARE a CURSOR FOR SELECT 1"])
async def test_what_needs_a_transaction_is_refused_without_one(
    wellhead_url: str, statement: str
) -> None:
    connection = await asyncpg.connect(wellhead_url)
    with pytest.raises(asyncpg.NoActiveSQLTransactionError):
        await connection.execute(statement)
    async with connection.transaction():
        await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize("turn", [1, 2])
async def test_a_connection_that_the_server_ends_is_told_and_made_again_for_the_next_test(
    database: Database[Any], turn: int
) -> None:
    del turn
    assert await count(database) == 0
    with pytest.raises(DBAPIError):
        async with database.session() as session:
            await session.exec(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(DBAPIError, match="transaction is lost"):
        async with database.session() as session:
            await session.exec(COUNT)


@pytest.mark.wellhead(commit=True)
@pytest.mark.parametrize("turn", [1, 2])
async def test_with_the_mark_everything_is_real_and_gone_afterwards(
    database: Database[Any], turn: int
) -> None:
    del turn
    async with database.session() as session:
        session.add(Item(code="lamp"))
    async with database.session() as outer, database.session() as inner:
        outer.add(Line(code="lamp"))
        await outer.flush()
        assert (await inner.exec(select(Line))).all() == []
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="SERIALIZABLE")
        assert (await connection.execute(select(Line.id))).all() == [(1,)]
