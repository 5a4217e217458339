"""What the statements about tasks and tags share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    FromClause,
    Text,
    Uuid,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlmodel import SQLModel

from todo.models import TIMESTAMP

OWNER = bindparam("owner_id", type_=Uuid)
"""The owner of the object; the account itself, when that is created."""

Columns: TypeAlias = Mapping[str, Any] | ReadOnlyColumnCollection[str, Any]
"""Columns by name: of a table, or built for a row."""

NOW = bindparam("now", type_=TIMESTAMP)
"""The time of the write, set by the application."""

EXPECTED = bindparam("expected", type_=ARRAY(Text))
"""The revisions that a client accepts; NULL means any."""


def text_of(value: str) -> ColumnElement[str]:
    """A constant text, written into the statement instead of being sent each time."""
    return literal_column(f"'{value}'", Text)


def is_expected(revision: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a revision is one of those that the client accepts."""
    return or_(EXPECTED.is_(None), revision == func.any(EXPECTED))


def insert_row(table: type[SQLModel], given: Mapping[str, Any], turn: FromClause) -> Insert:
    """Insert a row of these values if `turn` has one."""
    return insert(table).from_select(list(given), select(*given.values()).select_from(turn))


def insert_once(table: type[SQLModel], given: Mapping[str, Any], turn: FromClause) -> Insert:
    """The same; nothing if its id already exists.

    So it can be sent again after a first time without a reply.
    """
    return insert_row(table, given, turn).on_conflict_do_nothing(index_elements=["id"])


@dataclass(slots=True)
class Deletion:
    """The outcome of deleting an existing object.

    Attributes:
        is_expected: Whether the client knew the state that was there.
        is_done: Whether it is gone.
    """

    is_expected: bool
    is_done: bool


def deletion(seen: CTE, deleted: CTE) -> Any:
    """The columns of `Deletion`, of what was seen and what was deleted of it."""
    return select(
        seen.c.is_expected.label("is_expected"), deleted.c.id.is_not(None).label("is_done")
    ).select_from(seen.outerjoin(deleted, true()))
