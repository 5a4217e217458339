"""Whose mistake a value is that cannot be sent or stored: the same with both drivers."""

import datetime as dt
import decimal
import enum
import traceback
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Time,
    Uuid,
    bindparam,
    event,
    insert,
    select,
    text,
)
from sqlalchemy import exc as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel.sql.sqltypes import AutoString

from wellhead import Database, DatabaseSettings, Fault, classify
from wellhead.errors.discretion import words_of

SECRET = "s3cret"
NAIVE = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - that is what is tested
AWARE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Color(enum.Enum):
    """Some values."""

    RED = "red"


TABLE = Table(
    "value",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("small", SmallInteger),
    Column("plain", Integer),
    Column("big", BigInteger),
    Column("word", String),
    Column("auto", AutoString),
    Column("short", String(3)),
    Column("naive", DateTime),
    Column("aware", DateTime(timezone=True)),
    Column("day", Date),
    Column("hour", Time),
    Column("span", Interval),
    Column("exact", Numeric(5, 2)),
    Column("rough", Float),
    Column("flag", Boolean),
    Column("key", Uuid),
    Column("color", Enum(Color)),
    Column("data", JSONB),
    Column("numbers", ARRAY(Integer)),
    Column("raw", LargeBinary),
)

OF_CODE = [
    ("plain", SECRET),
    ("plain", NAIVE),
    ("plain", {"a": 1}),
    ("plain", object()),
    ("plain", Color.RED),
    ("naive", AWARE),
    ("naive", SECRET),
    ("naive", 5),
    ("aware", SECRET),
    ("day", SECRET),
    ("hour", SECRET),
    ("span", SECRET),
    ("span", 5),
    ("exact", SECRET),
    ("rough", SECRET),
    ("flag", SECRET),
    ("flag", 5),
    ("key", SECRET),
    ("key", 5),
    ("color", 5),
    ("color", object()),
    ("data", {"a": NAIVE}),
    ("data", {SECRET}),
    ("data", {(SECRET,): 1}),
    ("numbers", [1, SECRET]),
    ("numbers", SECRET),
    ("numbers", 5),
    ("word", {"a": 1}),
    ("auto", {"a": 1}),
    ("word", object()),
    ("raw", SECRET),
]

OF_CLIENT = [
    ("small", 2**15),
    ("plain", 2**31),
    ("plain", 2**70),
    ("big", 2**63),
    ("numbers", [2**31]),
    ("exact", decimal.Decimal("12345.6")),
    ("rough", 10**400),
    ("short", SECRET),
    ("word", f"{SECRET}\0"),
    ("auto", f"{SECRET}\0"),
    ("word", f"{SECRET}\ud800"),
    ("data", {"a": f"{SECRET}\0"}),
    ("data", {"a": f"{SECRET}\ud800"}),
    ("data", {"a": float("nan")}),
    ("color", SECRET),
]

GOOD = [
    ("plain", 1),
    ("plain", True),
    ("word", "a"),
    ("naive", NAIVE),
    ("aware", AWARE),
    ("exact", 1.5),
    ("rough", decimal.Decimal("1.5")),
    ("key", uuid.UUID(int=1)),
    ("color", Color.RED),
    ("data", {"a": [1, None]}),
    ("numbers", [1, None]),
    ("raw", bytearray(b"x")),
    ("span", dt.timedelta(1)),
]

Locate = Callable[..., str]


def names(cases: list[tuple[str, Any]]) -> list[str]:
    return [f"{column} given {type(value).__name__}" for column, value in cases]


@pytest.fixture
async def database(locate: Locate) -> AsyncIterator[Database]:
    async with Database(DatabaseSettings(url=locate(), pool_size=1)) as database:
        yield database


async def failure(database: Database, statement: Any, values: Any) -> sa.StatementError:
    async with database.engine.connect() as connection:
        await connection.run_sync(TABLE.metadata.create_all)
        with pytest.raises(sa.StatementError) as caught:
            await connection.execute(statement, values)
        await connection.rollback()
    return caught.value


def told(error: BaseException | None) -> str:
    """The words of an exception and of all its causes, as a log has them in a traceback."""
    lines: list[str] = []
    while error is not None:
        lines += traceback.format_exception_only(error)
        hidden = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or hidden
    return "".join(lines)


@pytest.mark.parametrize(("column", "value"), OF_CODE, ids=names(OF_CODE))
async def test_a_value_of_a_wrong_type_is_a_mistake_of_the_program(
    database: Database, column: str, value: object
) -> None:
    for values in ({column: value}, [{column: None}, {column: value}]):
        error = await failure(database, insert(TABLE), values)

        assert classify(error).fault is Fault.PROGRAMMING
        assert words_of(error)
        assert SECRET not in told(error)


@pytest.mark.parametrize(("column", "value"), OF_CLIENT, ids=names(OF_CLIENT))
async def test_a_value_of_the_right_type_that_cannot_be_stored_may_be_a_clients(
    database: Database, column: str, value: object
) -> None:
    error = await failure(database, insert(TABLE), {column: value})

    assert (classify(error).fault, classify(error).http_status) == (Fault.INVALID_DATA, 422)
    assert SECRET not in told(error)


async def test_a_value_that_can_be_stored_is(database: Database) -> None:
    async with database.engine.connect() as connection:
        await connection.run_sync(TABLE.metadata.create_all)
        for column, value in GOOD:
            await connection.execute(insert(TABLE), {column: value})
        await connection.rollback()


async def test_the_words_name_the_value_its_type_and_the_columns(database: Database) -> None:
    given = bindparam("given", type_=Integer)
    error = await failure(database, select(TABLE.c.id).where(TABLE.c.id == given), {"given": "x"})

    assert words_of(error) == "A value of the type str was given for given, which is INTEGER."


async def test_of_a_list_each_value_is_looked_at(database: Database) -> None:
    error = await failure(database, select(TABLE.c.id).where(TABLE.c.id.in_([1, SECRET])), {})

    assert classify(error).fault is Fault.PROGRAMMING


async def test_where_no_type_is_known_text_may_be_a_clients_and_nothing_else(
    database: Database,
) -> None:
    statement = text("INSERT INTO value (id) VALUES (:value)")

    assert classify(await failure(database, statement, {"value": SECRET})).http_status == 422
    assert classify(await failure(database, statement, {"value": {1: 2}})).http_status == 500


async def test_what_an_applications_own_listener_raises_is_raised(database: Database) -> None:
    async with database.engine.connect() as connection:

        @event.listens_for(connection.sync_connection, "before_cursor_execute")
        def refuse(*_: object) -> None:
            raise ValueError("not on Sundays")

        with pytest.raises(ValueError, match="not on Sundays"):
            await connection.execute(text("SELECT 1"))
