"""Deletes some rows at a time, next to requests that use others."""

from typing import Any

from sqlalchemy import Delete, Select, delete, select, tuple_
from sqlmodel import SQLModel


def delete_batch(table: type[SQLModel], chosen: "Select[*tuple[Any, ...]]") -> Delete:
    """The statement that deletes the rows whose primary keys a query with a limit chooses.

    A row that is in use at the moment is left for the next time.
    """
    # Not a subquery: PostgreSQL may run that again for each row of the table, and each time it
    # skips what is deleted already. So more rows would go than the limit says.
    found = chosen.with_for_update(skip_locked=True).cte("chosen")
    key = table.__table__.primary_key  # type: ignore[attr-defined]  # SQLModel does not declare it
    return delete(table).where(tuple_(*key).in_(select(found)))
