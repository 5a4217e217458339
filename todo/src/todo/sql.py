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
"""Whose object it is; the account itself, where that is made."""

Columns: TypeAlias = Mapping[str, Any] | ReadOnlyColumnCollection[str, Any]
"""Columns by their names: of a table, or made for a row."""

NOW = bindparam("now", type_=TIMESTAMP)
"""When the application writes."""

EXPECTED = bindparam("expected", type_=ARRAY(Text))
"""The revisions that a client is content with; NULL stands for any."""


def text_of(value: str) -> ColumnElement[str]:
    """A fixed text, written into the statement and not sent with each use of it."""
    return literal_column(f"'{value}'", Text)


def is_expected(revision: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a revision is one of those that the client is content with."""
    return or_(EXPECTED.is_(None), revision == func.any(EXPECTED))


def insert_once(table: type[SQLModel], given: Mapping[str, Any], turn: FromClause) -> Insert:
    """Insert a row of these values where `turn` has one; nothing where its id is there already.

    So it can be sent again after a first time that nobody answered.
    """
    return (
        insert(table)
        .from_select(list(given), select(*given.values()).select_from(turn))
        .on_conflict_do_nothing(index_elements=["id"])
    )


@dataclass(slots=True)
class Deletion:
    """What became of the deletion of an object that was there.

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
