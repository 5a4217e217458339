"""Lists of tasks: two queries a page, one for the tasks and one for their tags."""

from uuid import UUID

from sqlalchemy.orm import selectinload
from sqlmodel import select
from sqlmodel.sql.expression import SelectOfScalar

from todo.paging import Position
from todo.tasks.filters import TaskFilters
from todo.tasks.models import Task
from todo.tasks.service import TAGS
from todo.tasks.sorting import SortName, order_of
from wellhead import Reader


def statement(
    *, owner_id: UUID, filters: TaskFilters, sort: SortName, after: Position | None, limit: int
) -> SelectOfScalar[Task]:
    """The query for at most `limit` of a user's tasks, without their tags."""
    order = order_of(sort)
    query = select(Task).where(*filters.conditions(owner_id))
    if after is not None:
        query = query.where(order.starts_after(after))
    return query.order_by(*order.clauses()).limit(limit)


async def page(
    reader: Reader,
    *,
    owner_id: UUID,
    filters: TaskFilters,
    sort: SortName,
    after: Position | None,
    limit: int,
) -> tuple[list[Task], Position | None]:
    """A page of a user's tasks, with their tags.

    Returns:
        The tasks, and where the next page starts, or None after the last.
    """
    # One more than the page holds tells whether there is a next one.
    query = statement(
        owner_id=owner_id, filters=filters, sort=sort, after=after, limit=limit + 1
    ).options(selectinload(TAGS))
    tasks = list((await reader.exec(query)).all())
    last = order_of(sort).position_of(tasks[limit - 1]) if len(tasks) > limit else None
    return tasks[:limit], last
