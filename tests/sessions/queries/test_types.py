"""Every type, both ways: SQLAlchemy and a compiled query write and read the same values."""

import asyncio
import datetime as dt
import enum
import ipaddress
from collections.abc import Iterator
from typing import Any, Self

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Enum,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Text,
    Time,
    TypeDecorator,
    Uuid,
    bindparam,
    delete,
    false,
    insert,
    literal,
    or_,
    select,
)
from sqlalchemy import Table as SQLTable
from sqlalchemy.dialects.postgresql import (
    CIDR,
    CITEXT,
    INET,
    INT4RANGE,
    JSONB,
    NUMRANGE,
    TSTZRANGE,
    Range,
)

from wellhead import Database, DatabaseSettings, compiled


class Colour(enum.Enum):
    """A type that the database has, too."""

    RED = "r"
    DARK_BLUE = "b"


class Backwards(TypeDecorator[str]):
    """Text that is kept the wrong way round."""

    impl = String(200)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        del dialect
        return None if value is None else value[::-1]

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        del dialect
        return None if value is None else value[::-1]


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
NUMBERS = st.decimals(-(10**8), 10**8, places=4)
MOMENTS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))  # noqa: DTZ001 - zones follow
ZONED = MOMENTS.map(lambda each: each.replace(tzinfo=dt.UTC))
PLAIN_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def ranges(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Range[Any]]:
    pairs = st.lists(values, min_size=2, max_size=2, unique=True).map(sorted)
    return pairs.map(lambda ends: Range(*ends, bounds="[)")) | st.just(Range(empty=True))


TYPES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "small": (SmallInteger(), st.integers(-(2**15), 2**15 - 1)),
    "whole": (Integer(), st.integers(-(2**31), 2**31 - 1)),
    "big": (BigInteger(), st.integers(-(2**63), 2**63 - 1)),
    "yes": (Boolean(), st.booleans()),
    "exact": (Numeric(14, 4), NUMBERS),
    "rough": (Numeric(14, 4, asdecimal=False), NUMBERS.map(float)),
    "double": (Double(), st.floats(allow_nan=False)),
    "words": (Text(), TEXT),
    "short": (String(40), TEXT),
    "any_case": (CITEXT(), TEXT),
    "turned": (Backwards(), TEXT),
    "octets": (LargeBinary(), st.binary(max_size=30)),
    "key": (Uuid(), st.uuids()),
    "key_text": (Uuid(as_uuid=False), st.uuids().map(str)),
    "day": (Date(), st.dates()),
    "clock": (Time(), st.times()),
    "moment": (DateTime(), MOMENTS),
    "zoned": (DateTime(timezone=True), ZONED),
    "while": (Interval(), st.timedeltas(dt.timedelta(-9999), dt.timedelta(9999))),
    "colour": (Enum(Colour, name="colour"), st.sampled_from(Colour)),
    "colour_text": (Enum(Colour, native_enum=False), st.sampled_from(Colour)),
    "plain": (JSON(none_as_null=True), PLAIN_JSON),
    "binary": (JSONB(none_as_null=True), PLAIN_JSON),
    "list": (ARRAY(Integer), st.lists(st.none() | st.integers(0, 99), max_size=4)),
    "texts": (ARRAY(Text), st.lists(TEXT, max_size=4)),
    "keys": (ARRAY(Uuid()), st.lists(st.uuids(), max_size=3)),
    "colours": (ARRAY(Enum(Colour, name="colour")), st.lists(st.sampled_from(Colour), max_size=3)),
    "host": (INET(), st.ip_addresses()),
    "net": (CIDR(), st.ip_addresses(v=4).map(ipaddress.ip_network)),
    "span": (INT4RANGE(), ranges(st.integers(-99, 99))),
    "exact_span": (NUMRANGE(), ranges(NUMBERS)),
    "period": (TSTZRANGE(), ranges(ZONED)),
}
HAVE_NO_EQUALITY = {"plain"}
# SQLAlchemy's own IN takes an interval for a timestamp, and false for no value.
WITHOUT_IN = {"while", "binary"}
ARE_ARRAYS = {"list", "texts", "keys", "colours"}

everything = SQLTable(
    "everything",
    MetaData(),
    Column("id", Integer, primary_key=True),
    *[Column(name, kind) for name, (kind, _) in TYPES.items()],
)
values = st.fixed_dictionaries({name: st.none() | each for name, (_, each) in TYPES.items()})

put = compiled(insert(everything).values({name: bindparam(name) for name in ("id", *TYPES)}))
get = compiled(select(everything).where(everything.c.id == bindparam("id")))
back = compiled(
    insert(everything)
    .values({name: bindparam(name) for name in ("id", *TYPES)})
    .returning(*[everything.c[name] for name in TYPES])
)
among = {
    name: compiled(
        select(everything.c.id).where(everything.c[name].in_(bindparam("values"))).order_by("id")
    )
    for name in TYPES
    if name not in HAVE_NO_EQUALITY | ARE_ARRAYS
}


class Both:
    """The two ways to one table, in an event loop that outlives an example."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._database = Database(DatabaseSettings(url=url))

    def __enter__(self) -> Self:
        self._runner.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._database.close())
        self._runner.close()

    def run(self, row: dict[str, Any], other: dict[str, Any]) -> None:
        self._runner.run(self._compare(row, other))

    async def _open(self) -> None:
        await self._database.open()
        async with self._database.engine.begin() as connection:
            await connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS citext")
            await connection.run_sync(everything.metadata.create_all)
        # citext was not there when the connections learnt their types.
        self._database.pool.retire_all()

    async def _compare(self, row: dict[str, Any], other: dict[str, Any]) -> None:
        database = self._database
        async with database.engine.begin() as connection:
            await connection.execute(delete(everything))
            await connection.execute(insert(everything), [{"id": 1, **row}])
        assert await put.execute(database, id=2, **row) == 1
        returned = await back.one(database, id=3, **other)
        async with database.engine.connect() as connection:
            found = (await connection.execute(select(everything).order_by("id"))).all()
        usual, ours, third = (tuple(each) for each in found)
        mine = [tuple(await get.one(database, id=key)) for key in (1, 2, 3)]

        assert ours[1:] == usual[1:]
        assert mine == [usual, ours, third]
        assert [*map(type, mine[0])] == [*map(type, usual)]
        assert tuple(returned) == third[1:]
        async with database.session() as session:
            assert tuple(await get.one(session, id=3)) == third
        for name, query in among.items():
            wanted = [row[name], other[name]]
            column = everything.c[name]
            is_one: Any = column.in_(wanted)
            if name in WITHOUT_IN:
                ones = [literal(each, column.type) for each in wanted if each is not None]
                is_one = or_(false(), *(column == one for one in ones))
            by_in = select(everything.c.id).where(is_one).order_by("id")
            async with database.engine.connect() as connection:
                expected = list(await connection.scalars(by_in))
            assert await query.all(database, values=wanted) == expected, name


@pytest.fixture(scope="module", params=["postgresql", "postgresql+psycopg"])
def both(request: pytest.FixtureRequest, databases: Any) -> Iterator[Both]:
    url = databases.create().replace("postgresql", request.param, 1)
    with Both(url) as both:
        yield both


@settings(
    max_examples=12,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(row=values, other=values)
def test_both_ways_agree(both: Both, row: dict[str, Any], other: dict[str, Any]) -> None:
    both.run(row, other)
