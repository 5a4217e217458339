"""What can be compiled, and the reasons why the rest cannot; said where the query is built."""

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import (
    Integer,
    bindparam,
    column,
    func,
    insert,
    literal_column,
    table,
    text,
    tuple_,
    union,
    update,
)
from sqlalchemy import select as any_select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Bundle, registry, selectinload
from sqlalchemy.schema import CreateTable
from sqlmodel import Field, Relationship, SQLModel, col, select

from wellhead import ConfigurationError, compiled


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Team(Table, table=True):
    """A row that others belong to."""

    id: int = Field(primary_key=True)
    name: str
    players: list["Player"] = Relationship(back_populates="team")


class Player(Table, table=True):
    """A row that belongs to another, and is loaded with it."""

    id: int = Field(primary_key=True)
    team_id: int | None = Field(default=None, foreign_key="team.id")
    team: Team | None = Relationship(
        back_populates="players", sa_relationship_kwargs={"lazy": "selectin"}
    )


class Animal(Table, table=True):
    """A row that may be of several classes."""

    __mapper_args__: Any = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}
    id: int = Field(primary_key=True)
    kind: str


class Long(BaseModel):
    """What needs a column that is not selected."""

    id: int
    description: str


@dataclass
class Short:
    """What has no field for a column that is selected."""

    id: int


ids: Any = bindparam("ids")
REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "text": (text("SELECT 1"), {}, "text"),
    "typed text": (text("SELECT 1 AS a").columns(a=Integer), {}, "text"),
    "a part that is text": (select(Team).where(text("id = 1")), {}, "text()"),
    "a column that is text": (any_select(text("id, name")), {}, "text()"),
    "no statement": ("SELECT 1", {}, "not a statement"),
    "DDL": (CreateTable(Team.__table__), {}, "CreateTable"),  # type: ignore[attr-defined]
    "a function alone": (func.now(), {}, "not a SELECT"),
    "loader options": (select(Team).options(selectinload(Team.players)), {}, "options"),  # type: ignore[arg-type]
    "eager relationships": (select(Player), {}, "lazy='select'"),
    "inheritance": (select(Animal), {}, "inheritance"),
    "a bundle": (any_select(Bundle("both", Team.id, Team.name)), {}, "Bundle"),  # type: ignore[arg-type]
    "values in the text": (
        select(Team).limit(bindparam("limit", literal_execute=True, type_=Integer)),
        {},
        "written into its text",
    ),
    "several columns in a list": (
        select(Team).where(tuple_(Team.id, Team.name).in_(ids)),
        {},
        "several columns",
    ),
    "an optional list of several columns": (
        select(Team),
        {"optional": [tuple_(Team.id, Team.name).in_(ids)]},
        "several columns",
    ),
    "a list outside of IN": (
        any_select(func.coalesce(bindparam("list", expanding=True))),
        {},
        "outside IN",
    ),
    "a list of no type": (
        any_select(literal_column("id")).where(literal_column("id").in_(ids)),
        {},
        "not known",
    ),
    "a list of arrays": (
        any_select(column("a", ARRAY(Integer))).where(column("a", ARRAY(Integer)).in_(ids)),
        {},
        "arrays",
    ),
    "a schema by call": (
        select(Team).execution_options(schema_translate_map={None: "other"}),
        {},
        "schema_translate_map",
    ),
    "a class among columns": (
        insert(Team).values(id=1, name="a").returning(Team, col(Team.id)),
        {},
        "among other columns",
    ),
    "a field without a column": (select(Team.id), {"into": Long}, "needs description"),
    "a column without a field": (select(Team.id, Team.name), {"into": Short}, "has no name"),
    "no class for rows": (select(Team.id), {"into": int}, "neither a dataclass"),
    "too many conditions": (select(Team), {"optional": [Team.id == bindparam("id")] * 7}, "7"),
    "a condition without a value": (select(Team), {"optional": [Team.id == 1]}, "bindparam"),
    "conditions without WHERE": (
        union(any_select(Team.id), any_select(Player.id)),  # type: ignore[call-overload]
        {"optional": [Team.id == bindparam("id")]},
        "WHERE",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_compiled_is_refused_with_the_reason(name: str) -> None:
    statement, options, reason = REFUSED[name]

    with pytest.raises(ConfigurationError) as refused:
        compiled(statement, **options)

    assert reason in str(refused.value)


def test_building_configures_no_mapper_and_reads_no_environment() -> None:
    program = """
import os
class Shut(dict):
    def __getitem__(self, name): raise AssertionError(name)
from sqlalchemy import bindparam, inspect
from sqlmodel import Field, Relationship, SQLModel, select
from wellhead import compiled
environ, os.environ = os.environ, Shut()
class Pet(SQLModel, table=True):
    id: int = Field(primary_key=True)
    owner_id: int = Field(foreign_key="owner.id")
    owner: "Owner" = Relationship()
owned = Pet.owner_id == bindparam("owner")
find = compiled(select(Pet).where(Pet.id == bindparam("id")), optional=[owned])
assert not inspect(Pet).configured
class Owner(SQLModel, table=True):
    id: int = Field(primary_key=True)
os.environ = environ
from sqlalchemy.orm import configure_mappers
configure_mappers()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_what_has_structure_is_taken() -> None:
    numbers = table("numbers", column("n", Integer))

    compiled(any_select(numbers).where(numbers.c.n.in_([1, 2])))
    compiled(union(any_select(numbers.c.n), any_select(numbers.c.n + 1)))
    compiled(update(Team).where(col(Team.id).in_(ids)).values(name=bindparam("name")))
    compiled(any_select(Player.id, Player.team_id))  # type: ignore[call-overload]
