"""Objects of compiled queries are what a session's objects are once it has ended."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import JSON, Column, bindparam, insert, inspect
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import aliased, deferred, object_session, registry
from sqlalchemy.orm.attributes import get_history
from sqlalchemy.orm.exc import DetachedInstanceError
from sqlmodel import Field, Relationship, SQLModel, col, select

from wellhead import Database, DatabaseSettings, compiled


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Crew(Table, table=True):
    """A row that others belong to."""

    id: int = Field(primary_key=True)
    name: str
    sailors: list["Sailor"] = Relationship(back_populates="crew")


class Sailor(Table, table=True):
    """A row that belongs to another, and has a value that changes in place."""

    crew_id: int = Field(foreign_key="crew.id", primary_key=True)
    number: int = Field(primary_key=True)
    name: str
    traits: dict[str, Any] = Field(default={}, sa_column=Column(MutableDict.as_mutable(JSON)))
    crew: Crew | None = Relationship(back_populates="sailors")


find = compiled(select(Sailor).where(Sailor.number == bindparam("number")))
crews = compiled(
    select(Crew, Sailor)
    .join(Sailor, col(Sailor.crew_id) == col(Crew.id), isouter=True)
    .order_by(col(Crew.id))
)
other = aliased(Sailor, name="other")
pairs = compiled(
    select(Sailor.name, other).join(other, other.number > Sailor.number)  # type: ignore[arg-type]
)


@pytest.fixture
async def database(either_url: str) -> AsyncIterator[Database]:
    async with Database(DatabaseSettings(url=either_url)) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
            await connection.execute(insert(Crew), [{"id": 1, "name": "A"}, {"id": 2, "name": "B"}])
            await connection.execute(
                insert(Sailor),
                [
                    {"crew_id": 1, "number": 1, "name": "Ann", "traits": {"knots": 3}},
                    {"crew_id": 1, "number": 2, "name": "Ben", "traits": {}},
                ],
            )
        yield database


async def test_the_state_is_that_of_a_detached_object(database: Database) -> None:
    ours = await find.one(database, number=1)
    async with database.session() as session:
        theirs = (await session.exec(select(Sailor).where(Sailor.number == 1))).one()

    for sailor in (ours, theirs):
        state = inspect(sailor)
        assert (state.detached, state.transient, state.pending, state.persistent) == (
            (True, False, False, False)
        )
        assert object_session(sailor) is None
        assert not state.modified
        assert not state.expired_attributes
        assert state.unloaded == {"crew"}
        assert get_history(sailor, "name").unchanged == ["Ann"]
    assert inspect(ours).identity_key == inspect(theirs).identity_key
    assert ours == theirs
    assert ours.model_dump() == theirs.model_dump()
    assert type(ours.traits) is type(theirs.traits) is MutableDict


async def test_a_relationship_raises_as_that_of_a_detached_object_does(database: Database) -> None:
    sailor = await find.one(database, number=1)

    with pytest.raises(DetachedInstanceError):
        _ = sailor.crew


async def test_a_change_is_written_once_it_is_merged_or_added(database: Database) -> None:
    first, second = await find.one(database, number=1), await find.one(database, number=2)
    first.name = "Eve"
    second.traits["songs"] = 9
    assert inspect(second).modified
    async with database.session() as session:
        await session.merge(first)
        session.add(second)

    assert (await find.one(database, number=1)).name == "Eve"
    assert (await find.one(database, number=2)).traits == {"songs": 9}


async def test_an_added_object_loads_what_it_belongs_to(database: Database) -> None:
    sailor = await find.one(database, number=1)
    async with database.session() as session:
        session.add(sailor)
        crew = await session.run_sync(lambda _: sailor.crew)

    assert crew is not None
    assert crew.name == "A"


async def test_several_come_in_a_named_tuple_and_none_is_none(database: Database) -> None:
    rows: list[Any] = await crews.all(database)

    assert [(row.Crew.name, row.Sailor and row.Sailor.name) for row in rows] == [
        ("A", "Ann"), ("A", "Ben"), ("B", None),
    ]  # fmt: skip


async def test_an_alias_is_loaded_under_its_name(database: Database) -> None:
    found: list[Any] = await pairs.all(database)
    [row] = found

    assert row.name == "Ann"
    assert row.other.name == "Ben"
    assert type(row.other) is Sailor


async def test_what_is_deferred_stays_away(either_url: str) -> None:
    class Letter:
        id: int
        name: str

    crew = Crew.metadata.tables["crew"]
    registry().map_imperatively(Letter, crew, properties={"name": deferred(crew.c.name)})
    letters = compiled(select(Letter))
    async with Database(DatabaseSettings(url=either_url)) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
            await connection.execute(insert(Crew), [{"id": 1, "name": "A"}])
        letter: Any = await letters.one(database)

    assert letter.id == 1
    with pytest.raises(DetachedInstanceError):
        _ = letter.name
