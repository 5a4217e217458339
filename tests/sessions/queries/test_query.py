"""A compiled query: what it gives, where it runs, and what it costs."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from pydantic import BaseModel
from sqlalchemy import bindparam, delete, func, insert, update
from sqlalchemy import select as any_select
from sqlalchemy.exc import IntegrityError, MultipleResultsFound, NoResultFound
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, col, select

from wellhead import Database, DatabaseSettings, ReadOnlyError, compiled
from wellhead.testing.proxy import TCPProxy


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Hero(Table, table=True):
    """A row."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, max_length=40)
    age: int | None = None


@dataclass
class Named:
    """A hero's name."""

    id: int
    name: str


class HeroRead(BaseModel):
    """A hero, as a client sees one."""

    id: int
    name: str


find = compiled(select(Hero).where(Hero.id == bindparam("id")))
name_of = compiled(select(Hero.name).where(Hero.id == bindparam("id")))
pairs = compiled(select(Hero.id, Hero.name).order_by(col(Hero.id)))
named = compiled(select(Hero.id, Hero.name).order_by(col(Hero.id)), into=Named)
read = compiled(select(Hero.id, Hero.name).order_by(col(Hero.id)), into=HeroRead)
listed = compiled(
    select(Hero.name).where(col(Hero.id).in_(bindparam("ids"))).order_by(col(Hero.id))
)
others = compiled(select(Hero.name).where(col(Hero.id).not_in(bindparam("ids"))))
search = compiled(
    select(Hero.name).order_by(col(Hero.id)),
    optional=[Hero.age == bindparam("age"), Hero.name == bindparam("name")],
)
add = compiled(insert(Hero).values(name=bindparam("name"), age=bindparam("age")).returning(Hero))
grow = compiled(update(Hero).where(col(Hero.id) == bindparam("id")).values(age=col(Hero.age) + 1))
forget = compiled(delete(Hero).where(col(Hero.id) == bindparam("id")))


@pytest.fixture
async def database(either_url: str) -> AsyncIterator[Database]:
    async with Database(DatabaseSettings(url=either_url)) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
            await connection.execute(
                insert(Hero),
                [
                    {"name": "Ada", "age": 36},
                    {"name": "Bob", "age": None},
                    {"name": "Cy", "age": 36},
                ],
            )
        yield database


async def test_it_gives_objects_values_and_named_tuples(database: Database) -> None:
    hero = await find.one(database, id=1)
    rows = await pairs.all(database)

    assert (hero.id, hero.name, hero.age) == (1, "Ada", 36)
    assert await name_of.one(database, id=2) == "Bob"
    assert rows == [(1, "Ada"), (2, "Bob"), (3, "Cy")]
    assert rows[0].name == "Ada"
    assert await named.all(database) == [Named(1, "Ada"), Named(2, "Bob"), Named(3, "Cy")]
    assert (await read.first(database)) == HeroRead(id=1, name="Ada")


async def test_one_means_exactly_one(database: Database) -> None:
    assert await find.one_or_none(database, id=9) is None
    assert await find.first(database, id=9) is None
    with pytest.raises(NoResultFound):
        await find.one(database, id=9)
    with pytest.raises(MultipleResultsFound):
        await pairs.one_or_none(database)


async def test_one_text_serves_lists_of_every_length(database: Database) -> None:
    assert await listed.all(database, ids=[3, 1]) == ["Ada", "Cy"]
    assert await listed.all(database, ids=()) == []
    assert await others.all(database, ids={1, 2}) == ["Cy"]
    assert await others.all(database, ids=[]) == ["Ada", "Bob", "Cy"]


async def test_optional_conditions_hold_where_they_have_values(database: Database) -> None:
    assert await search.all(database) == ["Ada", "Bob", "Cy"]
    assert await search.all(database, age=36, name=None) == ["Ada", "Cy"]
    assert await search.all(database, age=36, name="Cy") == ["Cy"]


async def test_a_write_returns_what_it_made(database: Database) -> None:
    hero = await add.one(database, name="Di", age=4)

    assert (hero.id, hero.name, hero.age) == (4, "Di", 4)
    assert await grow.execute(database, id=4) == 1
    assert (await find.one(database, id=4)).age == 5
    assert await forget.execute(database, id=4) == 1
    assert await forget.execute(database, id=4) == 0
    with pytest.raises(IntegrityError):
        await add.one(database, name="Ada", age=1)


async def test_a_warm_read_and_a_warm_write_take_one_round_trip(
    database: Database, proxy: TCPProxy
) -> None:
    taken = []
    for _ in range(3):
        proxy.reset()
        await find.one(database, id=1)
        taken.append(proxy.round_trips)
        proxy.reset()
        await grow.execute(database, id=1)
        taken.append(proxy.round_trips)

    assert taken[-2:] == [1, 1]


async def test_a_reader_runs_it_and_refuses_writes(database: Database) -> None:
    async with database.reader() as reader:
        assert (await find.one(reader, id=1)).name == "Ada"
        with pytest.raises(ReadOnlyError, match="INSERT"):
            await add.one(reader, name="Ed", age=1)


async def test_in_a_session_it_is_part_of_the_transaction(database: Database) -> None:
    async with database.session() as session:
        session.add(Hero(name="Ed"))
        assert await name_of.one(session, id=4) == "Ed"
        await grow.execute(session, id=1)
        assert (await find.one(database, id=1)).age == 36
    assert (await find.one(database, id=1)).age == 37
    async with database.session() as session:
        await forget.execute(session, id=1)
        await session.rollback()
    assert await name_of.one(database, id=1) == "Ada"
    async with database.session() as session:
        assert await listed.all(session, ids=[3, 1]) == ["Ada", "Cy"]


async def test_it_streams(database: Database) -> None:
    async with pairs.stream(database) as rows:
        found = [each async for each in rows]
    async with database.session() as session, find.stream(session, id=1) as heroes:
        ages = [each.age async for each in heroes]

    assert found == [(1, "Ada"), (2, "Bob"), (3, "Cy")]
    assert ages == [36]
    assert database.stats().checked_out == 0


async def test_a_stream_that_is_left_has_fetched_little_and_holds_nothing(
    database: Database, proxy: TCPProxy
) -> None:
    numbers = compiled(any_select(func.generate_series(1, 300_000).column_valued("n")))
    proxy.reset()
    async with numbers.stream(database) as rows:
        first = await anext(rows)

    assert first == 1
    assert proxy.bytes_to_client < 100_000
    assert database.stats().checked_out == 0
    assert await numbers.first(database) == 1
