"""Lists of tasks: two queries a page, one for the tasks and one for their tags."""

from uuid import UUID

from sqlalchemy.orm import selectinload
from sqlmodel import select

from todo.paging import Position
from todo.tasks.filters import TaskFilters
from todo.tasks.models import Task
from todo.tasks.service import TAGS
from todo.tasks.sorting import SortName, order_of
from wellhead import Reader


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
    order = order_of(sort)
    statement = (
        select(Task)
        .where(*filters.conditions(owner_id))
        .order_by(*order.clauses())
        .limit(limit + 1)  # One more tells whether there is a next page.
        .options(selectinload(TAGS))
    )
    if after is not None:
        statement = statement.where(order.starts_after(after))
    tasks = list((await reader.exec(statement)).all())
    return tasks[:limit], order.position_of(tasks[limit - 1]) if len(tasks) > limit else None
