"""Attributes that were not loaded: the error names them, and what loads them, and no value."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import ForeignKey, func
from sqlalchemy.exc import InvalidRequestError, MissingGreenlet, StatementError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import (
    DeclarativeBase,
    DynamicMapped,
    Mapped,
    mapped_column,
    raiseload,
    relationship,
    selectinload,
    undefer,
)
from sqlalchemy.orm.exc import DetachedInstanceError

from wellhead import Database, DatabaseSettings, Fault, NotLoadedError, classify
from wellhead.errors.discretion import words_of
from wellhead.errors.unloaded import not_loaded

SECRET = "s3cret"


class Base(DeclarativeBase):
    """The tables of this file."""


class Ship(Base):
    """A row with everything that can be missing."""

    __tablename__ = "ship"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    log: Mapped[str] = mapped_column(deferred=True)
    changed: Mapped[int] = mapped_column(default=1, onupdate=func.length("changed"))
    sailors: Mapped[list["Sailor"]] = relationship(back_populates="ship")

    @property
    def crew(self) -> list[str]:
        """What a model may ask for by another name."""
        return [each.name for each in self.sailors]


class Sailor(Base):
    """A row that belongs to another."""

    __tablename__ = "sailor"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    ship_id: Mapped[int | None] = mapped_column(ForeignKey("ship.id"))
    ship: Mapped[Ship | None] = relationship(back_populates="sailors")


class Port(Base):
    """A row whose relationship is a query."""

    __tablename__ = "port"

    id: Mapped[int] = mapped_column(primary_key=True)
    piers: DynamicMapped["Pier"] = relationship()


class Pier(Base):
    """A row that belongs to it."""

    __tablename__ = "pier"

    id: Mapped[int] = mapped_column(primary_key=True)
    port_id: Mapped[int] = mapped_column(ForeignKey("port.id"))


class FromAttributes(BaseModel):
    """What is made of a row."""

    model_config = ConfigDict(from_attributes=True)


class SailorRead(FromAttributes):
    """A part of a response."""

    name: str


class ShipRead(FromAttributes):
    """A response."""

    name: str
    sailors: list[SailorRead]


class CrewRead(FromAttributes):
    """A response that reads a property."""

    crew: list[str]


class RenamedRead(FromAttributes):
    """A response whose field has another name."""

    people: list[SailorRead] = Field(validation_alias="sailors")


class LogRead(FromAttributes):
    """A response with a column that is not loaded."""

    log: str


@pytest.fixture
async def database(either_url: str) -> AsyncIterator[Database]:
    async with Database(DatabaseSettings(url=either_url)) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with database.session() as session:
            crew = [Sailor(id=1, name=SECRET, ship_id=1)]
            session.add(Ship(id=1, name=SECRET, log=SECRET, sailors=crew))
            session.add_all([Port(id=1), Pier(id=1, port_id=1)])
        yield database


Read = Callable[[Any], object]
SAILORS = (
    r"Ship\.sailors is not loaded, and {}\.\nLoad it before, with "
    r"\.options\(selectinload\(Ship\.sailors\)\) in its query, "
    r"or with await session\.refresh\(ship, \['sailors'\]\)\."
)
LOG = (
    r"Ship\.log is not loaded, and {}\.\nLoad it before, with "
    r"\.options\(undefer\(Ship\.log\)\) in its query, "
    r"or with await session\.refresh\(ship, \['log'\]\)\."
)
NEITHER_TOLD = (
    r"One of Ship\.log, Ship\.sailors is not loaded, and the field 'people' reads it\.\n"
    r"Load it before, with \.options\(undefer.+\['log'\]\)\.\n"
    r"Load it before, with \.options\(selectinload.+\['sailors'\]\)\."
)
REFUSED = r"raiseload forbids loading it on access"
NOT_AWAITED, ENDED = "only an awaited call can load it", "its session has ended"


def replace(ship: Ship) -> None:
    ship.sailors = []


READS: list[tuple[str, Read, str]] = [
    ("a relationship", lambda ship: ship.sailors, SAILORS),
    ("a relationship that is replaced", replace, SAILORS),
    ("a relationship behind a property", lambda ship: ship.crew, SAILORS),
    ("a deferred column", lambda ship: ship.log, LOG),
]


@pytest.fixture(params=READS, ids=lambda each: each[0])
def case(request: pytest.FixtureRequest) -> tuple[Read, str]:
    _, read, words = request.param
    return read, words


async def test_what_is_read_in_a_session_is_named(
    case: tuple[Read, str], database: Database
) -> None:
    read, words = case
    async with database.session() as session:
        ship = await session.get(Ship, 1)
        with pytest.raises(NotLoadedError, match=words.format(NOT_AWAITED)) as caught:
            read(ship)

    assert classify(caught.value).fault is Fault.PROGRAMMING
    assert isinstance(caught.value, MissingGreenlet)
    assert SECRET not in words_of(caught.value)


async def test_what_is_read_in_a_reader_is_named(
    case: tuple[Read, str], database: Database
) -> None:
    read, words = case
    async with database.reader() as reader:
        ship = await reader.get(Ship, 1)
        with pytest.raises(NotLoadedError, match=words.format(NOT_AWAITED)):
            read(ship)


async def test_what_is_read_in_a_thread_is_named(database: Database) -> None:
    async with database.session() as session:
        ship = await session.get(Ship, 1)
        with pytest.raises(NotLoadedError, match=SAILORS.format(NOT_AWAITED)):
            await asyncio.to_thread(lambda: ship and ship.sailors)


async def test_what_is_read_while_something_waits_to_be_written_is_named(
    database: Database,
) -> None:
    async def change() -> None:
        async with database.session() as session:
            ship = await session.get_one(Ship, 1)
            ship.name = "other"
            assert ship.sailors

    with pytest.raises(NotLoadedError, match=SAILORS.format(NOT_AWAITED)):
        await change()
    async with database.reader() as reader:
        assert (await reader.get(Ship, 1)).name == SECRET  # type: ignore[union-attr]


async def test_a_value_that_the_server_makes_is_loaded_by_a_refresh(database: Database) -> None:
    async with database.session() as session:
        ship = await session.get_one(Ship, 1)
        ship.name = "other"
        await session.flush()
        with pytest.raises(NotLoadedError) as caught:
            assert ship.changed

        assert str(caught.value) == (
            "Ship.changed is not loaded, and only an awaited call can load it.\n"
            "Load it before, with await session.refresh(ship, ['changed'])."
        )
        await session.refresh(ship, ["changed"])
        assert ship.changed


DYNAMIC: list[tuple[str, Read]] = [
    ("iterated", list),
    ("all", lambda piers: piers.all()),
    ("count", lambda piers: piers.count()),
    ("index", lambda piers: piers[0]),
]


@pytest.mark.parametrize("autoflush", [True, False])
@pytest.mark.parametrize("read", [each[1] for each in DYNAMIC], ids=[each[0] for each in DYNAMIC])
async def test_a_dynamic_relationship_that_is_read_is_named(
    read: Read, database: Database, *, autoflush: bool
) -> None:
    async with database.session() as session:
        session.autoflush = autoflush
        port = await session.get_one(Port, 1)
        with pytest.raises(NotLoadedError) as caught:
            read(port.piers)

        assert str(caught.value) == (
            "Port.piers is a query (lazy='dynamic'), and only an awaited call can run it.\n"
            "Run it with await session.scalars(port.piers.statement), or make it lazy='write_only' "
            "and read it with await session.scalars(port.piers.select())."
        )
        found = (await session.scalars(port.piers.statement)).all()
        assert [pier.id for pier in found] == [1]


async def test_a_query_that_is_run_without_await_is_told_how(database: Database) -> None:
    async with database.session() as session:
        port = await session.get_one(Port, 1)
        with pytest.raises(NotLoadedError, match=r"A Query was run.*\n.*query\.statement"):
            port.piers.filter_by(id=1).first()


async def test_a_dynamic_relationship_of_another_session_is_named_by_its_error(
    database: Database,
) -> None:
    async with AsyncSession(database.engine) as session:
        port = await session.get_one(Port, 1)
        with pytest.raises((MissingGreenlet, StatementError)) as caught:
            port.piers.all()

    found = not_loaded(caught.value)
    assert isinstance(found, NotLoadedError)
    assert str(found).startswith("Port.piers is a query (lazy='dynamic')")


async def test_what_the_hint_says_helps(database: Database) -> None:
    options = (selectinload(Ship.sailors), undefer(Ship.log))
    async with database.session() as session:
        ship = await session.get_one(Ship, 1)
        await session.refresh(ship, ["sailors"])
        assert ship.crew == [SECRET]
    async with database.session() as session:
        ship = await session.get_one(Ship, 1, options=options)

    assert (ship.crew, ship.log) == ([SECRET], SECRET)


def raised_by(read: Read, instance: object) -> Exception:
    """What reading raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each test says which
        read(instance)
    return caught.value


async def loaded(database: Database, *options: Any) -> Ship:
    """A row whose session has ended."""
    async with database.session() as session:
        return await session.get_one(Ship, 1, options=options)


@pytest.mark.parametrize(
    ("read", "words"),
    [each[1:] for each in READS if each[1] is not replace],
)
async def test_what_is_read_after_its_session_is_named(
    read: Read, words: str, database: Database
) -> None:
    error = raised_by(read, await loaded(database))
    found = not_loaded(error)

    assert isinstance(error, DetachedInstanceError)
    assert re.fullmatch(words.format(ENDED), str(found))
    assert found is not None
    assert found.__cause__ is error


@pytest.mark.parametrize(("read", "words"), [each[1:] for each in READS])
async def test_what_is_read_in_a_session_of_another_maker_is_named(
    read: Read, words: str, database: Database
) -> None:
    async with AsyncSession(database.engine) as session:
        error = raised_by(read, await session.get_one(Ship, 1))

    # Of psycopg's, SQLAlchemy takes it for the failure of a statement.
    assert isinstance(error, MissingGreenlet | StatementError)
    assert "greenlet" in words_of(error)
    assert re.fullmatch(words.format(NOT_AWAITED), str(not_loaded(error)))


async def test_what_may_not_be_loaded_by_being_read_is_named(database: Database) -> None:
    error = raised_by(lambda ship: ship.sailors, await loaded(database, raiseload("*")))

    assert re.fullmatch(SAILORS.format(REFUSED), str(not_loaded(error)))


def read_by(model: type[BaseModel]) -> Read:
    return model.model_validate


@pytest.mark.parametrize(
    ("model", "words"),
    [(ShipRead, SAILORS), (CrewRead, SAILORS), (RenamedRead, SAILORS), (LogRead, LOG)],
    ids=lambda each: getattr(each, "__name__", ""),
)
@pytest.mark.parametrize("when", ["in its session", "after its session", "in another maker's"])
async def test_a_model_that_is_made_of_it_names_it(
    model: type[BaseModel], words: str, when: str, database: Database
) -> None:
    why = NOT_AWAITED
    if when == "in its session":
        async with database.session() as session:
            error = raised_by(read_by(model), await session.get_one(Ship, 1))
    elif when == "in another maker's":
        async with AsyncSession(database.engine) as plain:
            error = raised_by(read_by(model), await plain.get_one(Ship, 1))
        why = ENDED  # as it has by the time it is checked
        if model is RenamedRead:  # nothing tells which of the two it was
            words = NEITHER_TOLD
    else:
        error, why = raised_by(read_by(model), await loaded(database)), ENDED
    found = not_loaded(error)

    assert isinstance(error, ValidationError)
    assert re.fullmatch(words.format(why), str(found))
    assert found is not None
    assert found.__cause__ is None


async def test_of_what_has_expired_and_is_renamed_it_names_what_is_missing(
    database: Database,
) -> None:
    async with database.session() as session:
        ship = await session.get_one(Ship, 1)
        session.expire(ship)

    found = not_loaded(raised_by(read_by(RenamedRead), ship))

    assert str(found).startswith("Ship.sailors is not loaded, and its session has ended.")


class Broken(FromAttributes):
    """A response that reads something that fails by itself."""

    helm: str
    sailors: list[SailorRead] = []


class Wreck:
    """No row."""

    sailors = "none"

    @property
    def helm(self) -> str:
        """Fails."""
        raise LookupError(SECRET)


def test_what_has_another_reason_is_left_alone() -> None:
    errors = [
        raised_by(read_by(Broken), Wreck()),
        raised_by(read_by(SailorRead), {}),
        raised_by(lambda ship: ship.nothing, Ship()),
        InvalidRequestError("This session is closed"),
        MissingGreenlet("greenlet_spawn has not been called"),
    ]

    assert [not_loaded(each) for each in errors] == [None] * 5
