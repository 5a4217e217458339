"""A schema for each tenant: no statement, prepared or compiled, reads another tenant's table."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import bindparam, func, insert, text, true
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import registry
from sqlmodel import Field, Relationship, SQLModel, col, select

from tests.staging.patience import until
from wellhead import Database, DatabaseSettings, ReadOnlyError, compiled
from wellhead.testing.proxy import TCPProxy


class Table(AsyncAttrs, SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Part(Table, table=True):
    """A table that every schema has."""

    id: int = Field(primary_key=True)
    name: str
    bolts: list["Bolt"] = Relationship()


class Bolt(Table, table=True):
    """Another, which is loaded by way of the first."""

    id: int = Field(primary_key=True)
    part_id: int = Field(foreign_key="part.id")
    size: str


TENANTS = ("red", "blue")
# By its sixth run a statement is prepared by psycopg, too, and its plan is generic.
OFTEN = TENANTS * 7

names = compiled(select(Part.name).order_by(col(Part.id)))
part = compiled(select(Part).where(Part.id == bindparam("id")))
add = compiled(
    insert(Part).values(id=bindparam("id"), name=bindparam("name")).returning(col(Part.name))
)


async def fill(database: Database) -> None:
    async with database.engine.begin() as connection:
        for schema in ("public", *TENANTS):
            await connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
            translated = await connection.execution_options(schema_translate_map={None: schema})
            await translated.run_sync(Table.metadata.create_all)
            await translated.execute(insert(Part).values(id=1, name=schema))
            await translated.execute(insert(Bolt).values(id=1, part_id=1, size=schema))


@pytest.fixture
async def database(either_url: str) -> AsyncIterator[Database]:
    """One connection, which the tenants use in turn."""
    settings = DatabaseSettings(url=either_url, pool_size=1, max_overflow=0)
    async with Database(settings) as database:
        await fill(database)
        yield database


async def test_a_compiled_query_reads_from_the_schemas_of_its_session(database: Database) -> None:
    found = []
    for tenant in OFTEN:
        async with database.session() as session:
            await session.connection(execution_options={"schema_translate_map": {None: tenant}})
            async with names.stream(session) as streamed:
                found += [name async for name in streamed]
            found += [*await names.all(session), (await part.one(session, id=1)).name]

    assert found == [tenant for tenant in OFTEN for _ in range(3)]


async def test_a_compiled_query_writes_to_the_schemas_of_its_session(database: Database) -> None:
    async with database.session() as session:
        await session.connection(execution_options={"schema_translate_map": {None: "red"}})
        await add.one(session, id=2, name="new")

    assert await names.all(database) == ["public"]


async def test_a_compiled_query_reads_from_the_schemas_of_its_engine(either_url: str) -> None:
    options = {"execution_options": {"schema_translate_map": {None: "red"}}}
    async with Database(DatabaseSettings(url=either_url)) as database:
        await fill(database)
    async with Database(DatabaseSettings(url=either_url), engine_options=options) as database:
        await add.one(database, id=2, name="new")
        async with database.reader() as reader, names.stream(database) as streamed:
            found = [
                await names.all(database),
                await names.all(reader),
                list((await reader.exec(select(Part.name).order_by(col(Part.id)))).all()),
                [name async for name in streamed],
            ]

    assert found == [["red", "new"]] * 4


async def test_a_reader_reads_from_the_schemas_that_it_is_told(database: Database) -> None:
    found = []
    for tenant in OFTEN:
        async with database.reader() as reader:
            reader.translate_schemas({None: tenant})
            one = await reader.get(Part, 1)
            found += [one.name if one else None, *(await reader.exec(select(Part.name))).all()]
            # What is not proved to read only, in a transaction of its own, and after it.
            unproved = select(Part.name).where(func.random() < 2)
            found += [*(await reader.exec(unproved)).all(), *await names.all(reader)]
            found += [*(await reader.exec(select(Part.name))).all()]

    assert found == [tenant for tenant in OFTEN for _ in range(5)]
    assert database.stats().opened == 1


@pytest.mark.parametrize("condition", [true(), func.random() < 2], ids=["proved", "unproved"])
async def test_a_lazy_load_reads_from_the_schemas_that_its_reader_was_told(
    database: Database, condition: Any
) -> None:
    async with database.reader() as reader:
        reader.translate_schemas({None: "red"})
        part = await reader.scalar(select(Part).where(condition))
        # It ends the transaction of the reader's session.
        await reader.exec(text("SELECT 1"))
        bolts = await part.awaitable_attrs.bolts

    assert [bolt.size for bolt in bolts] == ["red"]


async def test_translated_schemas_outlive_a_wait_for_a_connection_that_was_cancelled(
    database: Database,
) -> None:
    async with database.reader() as reader:
        reader.translate_schemas({None: "red"})
        async with database.engine.connect():
            waiting = asyncio.create_task(reader.exec(select(Part)))
            await until(lambda: database.stats().waiting == 1)
            waiting.cancel()
            await asyncio.wait([waiting])
        found = list((await reader.exec(select(Part.name))).all())

    assert found == ["red"]


async def test_translated_schemas_cost_a_reader_no_round_trip(
    database: Database, proxy: TCPProxy
) -> None:
    for _ in range(3):
        await until(lambda: database.stats().idle == 1)
        proxy.reset()
        async with database.reader() as reader:
            reader.translate_schemas({None: "red"})
            await reader.exec(select(Part))
        trips = proxy.round_trips

    assert trips == 1


async def test_translated_schemas_outlive_a_lost_connection(
    database: Database, proxy: TCPProxy
) -> None:
    async with database.reader() as reader:
        reader.translate_schemas({None: "red"})
        await reader.exec(select(Part))
        await proxy.cut()
        found = list((await reader.exec(select(Part.name))).all())

    assert found == ["red"]


async def test_a_path_that_changes_never_lets_a_prepared_statement_read_another_table(
    database: Database,
) -> None:
    async def everything(on: Any) -> list[str]:
        # Of the mapped class, and the same text each time.
        return [
            *(await on.exec(select(Part.name))).all(),
            *(await on.exec(text("SELECT name FROM part"))).scalars(),
            *await names.all(on),
            (await part.one(on, id=1)).name,
        ]

    found = []
    for tenant in OFTEN:
        async with database.session() as session:
            await session.exec(select(func.set_config("search_path", tenant, True)))
            found += await everything(session)
        async with database.reader() as reader:
            reader.set_local({"search_path": tenant})
            found += await everything(reader)
        async with database.reader() as reader:
            found += await everything(reader)

    expected = [(tenant, tenant, "public") for tenant in OFTEN]
    assert found == [name for each in expected for name in each for _ in range(4)]


async def test_a_compiled_write_stays_refused_by_a_reader_with_schemas(database: Database) -> None:
    async with database.reader() as reader:
        reader.translate_schemas({None: "red"})
        with pytest.raises(ReadOnlyError):
            await add.one(reader, id=3, name="x")
