"""The driver's parameters of a compiled statement."""

from itertools import count
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Dialect,
    Executable,
    Integer,
    MetaData,
    Table,
    bindparam,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import registry
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import CompilerElement

from wellhead.sessions.queries.binding import Binding

dialect: type[Dialect] = registry.load("postgresql.asyncpg")
numbers = count(1)
metadata = MetaData()
notes = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("text", Integer),
    Column("made", Integer, default=lambda: -next(numbers), onupdate=lambda: next(numbers)),
    Column("twice", Integer, default=lambda row: 2 * row.get_current_parameters()["text"]),
    Column("changed", Integer, onupdate=7),
)
others = Table(
    "others",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("changed", Integer),
    Column("number", Integer, default=3),
)


def parameters(statement: Executable, **values: Any) -> list[Any]:
    assert isinstance(statement, CompilerElement)
    compiled = statement.compile(dialect=dialect())
    assert isinstance(compiled, SQLCompiler)
    binding = Binding(compiled, dialect())
    made: list[Any] = binding.parameters(binding.complete(values))
    assert compiled.positiontup is not None
    return [*zip(compiled.positiontup, made, strict=True)]


def test_an_update_takes_the_values_on_update_and_not_the_defaults() -> None:
    made = dict(parameters(update(notes).values(text=bindparam("text_given")), text_given=1))

    assert made["made"] > 0
    assert made["changed"] == 7
    assert "twice" not in made


def test_an_insert_takes_the_defaults() -> None:
    made = dict(parameters(insert(notes).values(id=1, text=bindparam("text")).inline(), text=5))

    assert made["made"] < 0
    assert made["twice"] == 10
    assert "changed" not in made


@pytest.mark.parametrize("is_part", [False, True])
def test_an_insert_from_a_select_takes_the_defaults(is_part: bool) -> None:
    inserted = insert(others).from_select(["changed"], select(literal(1)))
    statement = select(inserted.returning(others.c.id).cte("inserted")) if is_part else inserted

    assert dict(parameters(statement))["number"] == 3


def test_a_default_sees_the_values_that_the_statement_has_written_down() -> None:
    made = dict(parameters(insert(notes).values(id=1, text=4).inline()))

    assert made["twice"] == 8
