"""What is proved of statements from how they are built."""

from typing import Any

import asyncpg
import pytest
from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    MetaData,
    Numeric,
    Sequence,
    String,
    Table,
    TypeDecorator,
    bindparam,
    case,
    cast,
    collate,
    column,
    delete,
    exists,
    extract,
    func,
    insert,
    lateral,
    literal_column,
    select,
    table,
    tablesample,
    text,
    true,
    tuple_,
    update,
    values,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    column_property,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
)
from sqlalchemy.schema import ForeignKey
from sqlalchemy.sql import Select, quoted_name
from sqlalchemy.sql.functions import Function
from sqlalchemy.types import UserDefinedType

from wellhead.sessions.proof import OPERATORS, Evidence, collect_evidence

things = Table(
    "things", MetaData(), Column("id", Integer, primary_key=True), Column("name", String)
)
c = things.c

SIGNS = """
    SELECT oprname FROM pg_operator JOIN pg_proc ON pg_proc.oid = oprcode
    WHERE oprnamespace = 'pg_catalog'::regnamespace GROUP BY 1 HAVING NOT bool_or(provolatile = 'v')
"""


class Base(DeclarativeBase):
    """The tables of this test."""


class Ship(Base):
    __tablename__ = "ship"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    crew: Mapped[list["Sailor"]] = relationship(back_populates="ship")


class Sailor(Base):
    __tablename__ = "sailor"
    id: Mapped[int] = mapped_column(primary_key=True)
    ship_id: Mapped[int] = mapped_column(ForeignKey("ship.id"))
    ship: Mapped[Ship] = relationship(back_populates="crew")


class Dubious(Base):
    __tablename__ = "dubious"
    key: Mapped[int] = mapped_column(primary_key=True)
    told = column_property(func.my_own(key))


class Secret(TypeDecorator[str]):
    """A type whose values are decrypted by a function of the application's."""

    impl = String
    cache_ok = True

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.decrypt_of_mine(column)


class Point3D(UserDefinedType[Any]):
    """A type of the application's."""

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        del kw
        return "point3d"


class Shouted(TypeDecorator[str]):
    """A type whose parameters pass a function of the application's."""

    impl = String
    cache_ok = True

    def bind_expression(self, bindparam: Any) -> ColumnElement[Any]:
        return func.shout_of_mine(bindparam)


class Disguised(TypeDecorator[str]):
    """A type that is one of the application's below."""

    impl = Point3D
    cache_ok = True


class Pasted(String):
    """A type that writes its values into the text as they are."""

    def literal_processor(self, dialect: Any) -> Any:
        del dialect
        return str


LENGTH: Any = "10)) || pay() || ((1"


class Own(ColumnElement[int]):
    """A construct of the application's."""

    inherit_cache = True
    type = Integer()


@compiles(Own)
def compile_own(element: Own, compiler: Any, **kw: Any) -> str:
    del element, compiler, kw
    return "pay()"


class OwnSelect(Select[Any]):
    """A SELECT of the application's."""

    inherit_cache = True


@compiles(OwnSelect)
def compile_own_select(element: OwnSelect, compiler: Any, **kw: Any) -> str:
    del element, compiler, kw
    return "SELECT pay()"


class Engine:
    """Holds a dialect, as an engine does."""

    def __init__(self) -> None:
        make: Any = postgresql.asyncpg.dialect
        self.dialect = make()


def evidence(statement: Any) -> Evidence:
    engine: Any = Engine()
    collect_evidence(engine)
    compiled = statement.compile(dialect=engine.dialect)
    assert isinstance(compiled, Evidence)
    return compiled


values_of_mine = values(column("a", Pasted()), name="v", literal_binds=True).data([("pay()",)])

PLAIN: dict[str, Any] = {
    "columns": select(c.id, c.name).where(c.name == "x").order_by(c.id.desc()).limit(3),
    "count": select(func.count()).select_from(things),
    "aggregates": select(func.max(c.id), func.coalesce(func.sum(c.id), 0)).group_by(c.name),
    "now": select(func.now(), func.current_timestamp()),
    "case": select(case((c.id > 1, "a"), else_="b")),
    "cast": select(cast(c.id, String)),
    "like": select(things).where(c.name.ilike("%x%") | c.id.in_([1, 2])),
    "exists": select(exists().where(c.id == 1)),
    "subquery": select(select(c.id).subquery()),
    "cte": select(select(c.id).cte("x")),
    "recursive": select(select(c.id).cte("x", recursive=True)),
    "union": select(c.id).union_all(select(c.id)),
    "window": select(func.row_number().over(partition_by=c.name, order_by=c.id)),
    "lateral": select(lateral(select(c.id))),
    "extract": select(extract("year", func.now())),
    "tuple": select(things).where(tuple_(c.id, c.name) > (1, "a")),
    "values": select(values(column("a", Integer), name="v").data([(1,)])),
    "jsonb": select(func.jsonb_build_object("a", c.id)),
    "a function with its schema": select(func.pg_catalog.lower(c.name)),
    "table function": select(func.generate_series(1, 3).table_valued("n")),
    "an operator of signs": select(c.name.op("~*")("x")),
    "a parameter of a type of the application's": select(things).where(
        c.name == bindparam("x", "y", type_=Point3D())
    ),
    "an operator of words": select(func.now().op("at time  zone")("UTC")),
    "a cast to a decimal": select(cast(c.id, Numeric(10, 2))),
    "a cast to an array": select(cast(c.id, postgresql.ARRAY(String(10)))),
    "a cast to an interval": select(cast(c.name, postgresql.INTERVAL(fields="YEAR TO MONTH"))),
    "a name that is not quoted": select(column(quoted_name("plain", quote=False))),
    "literal column": select(literal_column("1"), literal_column("x.y")),
    "a constant": select(func.coalesce(c.name, literal_column("'infinity'::timestamptz"))),
    "an interval": select(func.now() - literal_column("interval '1 day'")),
    "ORM": select(Ship).where(Ship.name == "x"),
    "joinedload": select(Ship).options(joinedload(Ship.crew)),
    "selectinload": select(Ship).options(selectinload(Ship.crew)),
}

NOT_PLAIN: dict[str, Any] = {
    "text": text("SELECT 1"),
    "text with columns": text("SELECT 1 AS a").columns(column("a")),
    "text as a column": select(text("pay()")),
    "text in WHERE": select(things).where(text("pay() > 0")),
    "text in ORDER BY": select(things).order_by(text("pay()")),
    "text in FROM": select(column("a")).select_from(text("pay() AS a")),
    "text in a CTE": select(text("SELECT 1 AS a").columns(column("a")).cte("x")),
    "text in a subquery": select(text("SELECT 1 AS a").columns(column("a")).subquery()),
    "text of an ORM statement": select(Ship).from_statement(text("SELECT * FROM ship")),
    "a prefix": select(things).prefix_with("/* x */"),
    "a suffix": select(things).suffix_with("FOR UPDATE"),
    "a hint": select(things).with_statement_hint("; DROP TABLE x"),
    "literal column that calls": select(literal_column("pay()")),
    "an operator that calls": select(c.id.op("+ pay() +")(1)),
    "an operator that is a comment": select(c.id.op("--")(1)),
    "a function of the application's": select(func.pay(c.id)),
    "a function of another schema": select(func.public.lower(c.name)),
    "a volatile function": select(func.random()),
    "a function with effects": select(func.pg_notify("a", "b")),
    "a function in WHERE": select(things).where(func.pay() > 0),
    "a function in a subquery": select(things).where(c.id.in_(select(func.pay()))),
    "a function in FROM": select(func.pay().table_valued("n")),
    "a function in LIMIT": select(things).limit(func.pay()),
    "the next value of a sequence": select(Sequence("s").next_value()),
    "FOR UPDATE": select(things).with_for_update(),
    "FOR UPDATE in a subquery": select(select(things).with_for_update().subquery()),
    "FOR UPDATE in a CTE": select(select(things).with_for_update().cte("x")),
    "INSERT": insert(things).values(id=1),
    "INSERT in a CTE": select(insert(things).values(id=1).returning(c.id).cte("x")),
    "INSERT next to it": select(c.id).add_cte(insert(things).values(id=1).cte("x")),
    "DELETE in a CTE": select(delete(things).returning(c.id).cte("x")),
    "INSERT as an ORM statement": select(Ship).from_statement(insert(Ship).returning(Ship)),
    "a construct of the application's": select(Own()),
    "a construct in WHERE": select(things).where(Own() == 1),
    "a SELECT of the application's": OwnSelect(c.id),
    "a column's own expression": select(Dubious),
    "a type with SQL of its own": select(column("x", Secret())),
    "a cast to the application's type": select(cast(c.name, Point3D())),
    "a value of a type of the application's in the text": select(values_of_mine),
    "a value that is written into the text": select(
        bindparam("x", 1, type_=Integer(), literal_execute=True)
    ),
    "a type with SQL of its own for parameters": select(things).where(
        c.name == bindparam("x", "y", type_=Shouted())
    ),
    "a cast whose length is text": select(cast(c.name, String(LENGTH))),
    "a cast whose collation is text": select(cast(c.name, String(collation='C" || pay() || "'))),
    "a cast to an array of the application's type": select(
        cast(c.name, postgresql.ARRAY(Point3D()))
    ),
    "a cast to the application's type in disguise": select(cast(c.name, Disguised())),
    "a cast to an interval of text": select(
        cast(c.name, postgresql.INTERVAL(fields="YEAR) || pay() || (1"))
    ),
    "a column of a function's table of the application's type": select(
        func.json_to_recordset("[]")
        .table_valued(column("x", Point3D()))
        .render_derived(with_types=True)
    ),
    "a table's name as it is": select(column("a")).select_from(
        table(quoted_name("pay() AS t", quote=False))
    ),
    "a schema's name as it is": select(column("a")).select_from(
        table("t", schema=quoted_name("pay(), x", quote=False))
    ),
    "a column's name as it is": select(column(quoted_name("pay()", quote=False))),
    "a label as it is": select(c.id.label(quoted_name("x, pay()", quote=False))),
    "a collation's name as it is": select(collate(c.name, quoted_name('"C", pay()', quote=False))),
    "the field of EXTRACT": select(extract("year FROM pay()) + extract(year", func.now())),
    "words that write": select(literal_column("1 INTO copy")),
    "words that call": select(c.id.op("OR pay")(tuple_(1, 2))),
    "nothing between a name and its arguments": select(literal_column("pay").op(" ")(tuple_(1))),
    "an operator that the server does not have": select(c.id.op("<~~>")(1)),
    "a function that PostgreSQL 15 does not have": select(func.any_value(c.id)),
    "a function whose name is spelt in capitals": select(
        Function(quoted_name("LOWER", quote=True), c.name)
    ),
    "a function of an extension": select(func.cube(1)),
    "a sample": select(tablesample(things, func.pay(10))),
}


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_built_of_tables_and_the_servers_functions_only_reads(name: str) -> None:
    found = evidence(PLAIN[name])

    assert (found.only_reads, found.leaves_nothing) == (True, True)


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_everything_else_is_not_proved_to_read_only(name: str) -> None:
    assert not evidence(NOT_PLAIN[name]).only_reads


async def test_the_signs_of_operators_are_the_servers(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    signs = {row["oprname"] for row in await connection.fetch(SIGNS)}
    await connection.close()

    # The parser reads it as <>.
    assert OPERATORS - {"!="} <= signs


@pytest.mark.parametrize(
    "statement",
    [
        insert(things).values(id=1).returning(c.id),
        update(things).values(name="x").where(c.id == 1),
        delete(things).where(c.id.in_(select(c.id))),
        postgresql.insert(things).values(id=1).on_conflict_do_nothing(),
        insert(things).from_select(["id"], select(c.id)),
        insert(things).values(id=func.nextval("s"), name=cast(func.gen_random_uuid(), String)),
        select(things).with_for_update(),
        select(func.pg_try_advisory_xact_lock(7)),
    ],
)
def test_changes_built_of_tables_leave_nothing_on_the_session(statement: Any) -> None:
    found = evidence(statement)

    assert (found.leaves_nothing, found.only_reads) == (True, False)


@pytest.mark.parametrize(
    "statement",
    [
        text("SET ROLE x"),
        insert(things).values(name=func.set_config("a", "b", False)),
        select(func.pg_advisory_lock(7)),
        select(func.my_function()),
        insert(things).values(name=text("pay()")),
    ],
)
def test_what_may_set_something_is_not_proved_to_leave_nothing(statement: Any) -> None:
    assert not evidence(statement).leaves_nothing


@pytest.mark.parametrize(("is_local", "sets"), [(True, False), (False, True), (None, True)])
def test_set_config_is_judged_by_the_value_of_its_third_argument(
    is_local: bool | None, sets: bool
) -> None:
    found = evidence(select(func.set_config("a", "b", is_local)))

    assert found.sets_for_the_session(found.params) is sets


def test_set_config_whose_third_argument_is_no_value_is_taken_for_the_worst() -> None:
    found = evidence(select(func.set_config("a", "b", table("t", column("x")).c.x == true())))

    assert found.sets_for_the_session(found.params)
