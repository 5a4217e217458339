"""The orders of a list of tasks, and where in an order a page starts.

Every order ends with the id, so that no two tasks tie, and compares one row value,
`(key, id) > (:key, :id)`, which PostgreSQL turns into one range of an index. A task without a due
date comes last in both directions: its key is infinity ascending and minus infinity descending.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    SQLColumnExpression,
    Uuid,
    bindparam,
    func,
    literal_column,
    tuple_,
)
from sqlmodel import col

from todo.tasks.fields import Timestamp, Title
from todo.tasks.models import Priority, Task

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


@dataclass(frozen=True, slots=True)
class Order:
    """One way to order tasks.

    Attributes:
        field: The attribute of a task to sort by.
        kind: Its type.
        key: Builds the compared expression from a column or a bound value.
        descending: Whether the greatest comes first.
    """

    field: str
    kind: TypeAdapter[Any]
    key: Callable[[SQLColumnExpression[Any]], SQLColumnExpression[Any]]
    descending: bool

    def sort_key(self) -> SQLColumnExpression[Any]:
        """What decides; among equals, the id does."""
        return self.key(self._column())

    def clauses(self, *parts: SQLColumnExpression[Any]) -> list[ColumnElement[Any]]:
        """The `ORDER BY` clauses for a sort key and an id."""
        return [part.desc() if self.descending else part.asc() for part in parts]

    def starts_after(self) -> ColumnElement[bool]:
        """The condition that a task comes after `after_value` and `after_id`."""
        column = self._column()
        here = tuple_(self.sort_key(), col(Task.id))
        value = self.key(bindparam("after_value", type_=column.type))
        there = tuple_(value, bindparam("after_id", type_=Uuid()))
        return here < there if self.descending else here > there

    def _column(self) -> ColumnElement[Any]:
        column: ColumnElement[Any] = getattr(Task, self.field)
        return column


def order_of(name: SortName) -> Order:
    """The order with that name."""
    descending = name.startswith("-")
    field = name.removeprefix("-")
    kind, ascending_key, descending_key = _FIELDS[field]
    return Order(field, kind, descending_key if descending else ascending_key, descending)


_FIELDS: dict[str, Any] = {
    "created_at": (TypeAdapter(Timestamp), _as_it_is, _as_it_is),
    "updated_at": (TypeAdapter(Timestamp), _as_it_is, _as_it_is),
    "due_date": (TypeAdapter(Timestamp | None), no_due_date_last, no_due_date_first),
    "priority": (TypeAdapter(Priority), _as_it_is, _as_it_is),
    "title": (TypeAdapter(Title), func.lower, func.lower),
}
