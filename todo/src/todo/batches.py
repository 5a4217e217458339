"""Deletes some rows at a time, next to requests that use others."""

from datetime import datetime
from typing import Any

from sqlalchemy import Delete, Select, delete, inspect, select, tuple_
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession


class DeleteExpired:
    """Deletes up to `batch` expired rows of a table, and returns how many.

    Args:
        table: A table with the column ``expires_at``.
    """

    def __init__(self, table: type[SQLModel]) -> None:
        self._table = table

    async def __call__(self, session: AsyncSession, *, now: datetime, batch: int) -> int:
        """Delete them, in the session's transaction."""
        mapper = inspect(self._table)
        expired = select(*mapper.primary_key).where(mapper.columns["expires_at"] <= now)
        return (await session.exec(delete_batch(self._table, expired.limit(batch)))).rowcount


def delete_batch(table: type[SQLModel], chosen: "Select[*tuple[Any, ...]]") -> Delete:
    """The statement that deletes the rows whose primary keys a query with a limit chooses.

    A row that is in use at the moment is left for the next time.
    """
    # Not a subquery: PostgreSQL may run that again for each row of the table, and each time it
    # skips what is deleted already. So more rows would go than the limit says.
    found = chosen.with_for_update(skip_locked=True).cte("chosen")
    return delete(table).where(tuple_(*inspect(table).primary_key).in_(select(found)))
