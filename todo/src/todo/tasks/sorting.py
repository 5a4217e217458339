"""The orders of a list of tasks, and where in an order a page starts.

Every order ends with the id, so that no two tasks tie, and compares one row value,
`(key, id) > (:key, :id)`, which PostgreSQL turns into one range of an index. A task without a due
date comes last in both directions: its key is infinity ascending and minus infinity descending.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter
from sqlalchemy import (
    ColumnElement,
    SQLColumnExpression,
    Text,
    Uuid,
    bindparam,
    func,
    literal_column,
    tuple_,
)
from sqlmodel import col

from todo.tasks.fields import Timestamp
from todo.tasks.models import LONGEST_TITLE_KEY, Priority, Task
from todo.text import LINE_PATTERN

SortName = Literal[
    "created_at",
    "-created_at",
    "updated_at",
    "-updated_at",
    "due_date",
    "-due_date",
    "priority",
    "-priority",
    "title",
    "-title",
    "position",
    "-position",
]
"""The name of an order; `-` reverses it."""


def _as_it_is(value: SQLColumnExpression[Any]) -> SQLColumnExpression[Any]:
    return value


def no_due_date_last(value: SQLColumnExpression[Any]) -> SQLColumnExpression[Any]:
    """The due date, or infinity if there is none: the value in the index on due dates."""
    return func.coalesce(value, literal_column("'infinity'::timestamptz"))


def no_due_date_first(value: SQLColumnExpression[Any]) -> SQLColumnExpression[Any]:
    """The due date, or minus infinity: the value in the index for descending due dates."""
    return func.coalesce(value, literal_column("'-infinity'::timestamptz"))


def _start_of(folded: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    return func.left(folded, literal_column(str(LONGEST_TITLE_KEY)), type_=Text(collation="C"))


@dataclass(frozen=True, slots=True)
class Order:
    """One way to order tasks.

    Attributes:
        value: What a page starts after.
        kind: Its type.
        key: Builds the compared expression from a column or a bound value.
        descending: Whether the greatest comes first.
    """

    value: ColumnElement[Any]
    kind: TypeAdapter[Any]
    key: Callable[[SQLColumnExpression[Any]], SQLColumnExpression[Any]]
    descending: bool

    def sort_key(self) -> SQLColumnExpression[Any]:
        """What decides; among equals, the id does."""
        return self.key(self.value)

    def clauses(self, *parts: SQLColumnExpression[Any]) -> list[ColumnElement[Any]]:
        """The `ORDER BY` clauses for a sort key and an id."""
        return [part.desc() if self.descending else part.asc() for part in parts]

    def starts_after(self) -> ColumnElement[bool]:
        """The condition that a task comes after `after_value` and `after_id`."""
        here = tuple_(self.sort_key(), col(Task.id))
        value = self.key(bindparam("after_value", type_=self.value.type))
        there = tuple_(value, bindparam("after_id", type_=Uuid()))
        return here < there if self.descending else here > there


def order_of(name: SortName) -> Order:
    """The order with that name."""
    descending = name.startswith("-")
    value, kind, ascending_key, descending_key = _FIELDS[name.removeprefix("-")]
    return Order(value, kind, descending_key if descending else ascending_key, descending)


_Line = Annotated[str, Field(max_length=LONGEST_TITLE_KEY, pattern=LINE_PATTERN)]
_TEXT: TypeAdapter[str] = TypeAdapter(_Line)

_FIELDS: dict[str, Any] = {
    "created_at": (col(Task.created_at), TypeAdapter(Timestamp), _as_it_is, _as_it_is),
    "updated_at": (col(Task.updated_at), TypeAdapter(Timestamp), _as_it_is, _as_it_is),
    "due_date": (
        col(Task.due_date), TypeAdapter(Timestamp | None), no_due_date_last, no_due_date_first,
    ),
    "priority": (col(Task.priority), TypeAdapter(Priority), _as_it_is, _as_it_is),
    "title": (_start_of(col(Task.title_folded)), _TEXT, _as_it_is, _as_it_is),
    "position": (col(Task.position), _TEXT, _as_it_is, _as_it_is),
}  # fmt: skip
