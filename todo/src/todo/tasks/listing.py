"""Lists of tasks: a page with its tags is one query, and lists of one shape share a statement."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, bindparam, select
from sqlmodel import col

from todo.paging import Position
from todo.tasks.filters import Shape, TaskFilters
from todo.tasks.models import Task
from todo.tasks.sorting import SortName, order_of
from todo.tasks.sql import COLUMNS, with_tags
from wellhead import Database, Query, compiled

MOST_SHAPES = 256
"""How many kinds of lists are kept compiled; others are compiled again."""


@dataclass(slots=True)
class ListedTask:
    """A task's document, and its place in the list: the sort value and the id."""

    document: str
    value: Any
    id: UUID


def statement(shape: Shape, sort: SortName, *, is_continued: bool) -> Any:
    """The query for at most `limit` of a user's tasks, with their tags.

    Args:
        shape: Its filters.
        sort: Its order.
        is_continued: Whether it starts after a position.
    """
    order = order_of(sort)
    chosen = select(
        *COLUMNS, order.sort_key().label("sort_key"), order.value.label("sort_value")
    ).where(*shape.conditions())
    if is_continued:
        chosen = chosen.where(order.starts_after())
    chosen = chosen.order_by(*order.clauses(order.sort_key(), col(Task.id)))
    page = chosen.limit(bindparam("limit", type_=Integer)).subquery("page")
    document, _, whole = with_tags(page)
    return (
        select(document.label("document"), page.c.sort_value.label("value"), page.c.id)
        .select_from(whole)
        .order_by(*order.clauses(page.c.sort_key, page.c.id))
    )


def values(
    owner_id: UUID, filters: TaskFilters, after: Position | None, limit: int
) -> dict[str, Any]:
    """The values that the statement takes."""
    found = {**filters.values, "owner_id": owner_id, "limit": limit}
    if after is not None:
        found |= {"after_value": after.value, "after_id": after.id}
    return found


@lru_cache(MOST_SHAPES)
def _query(shape: Shape, sort: SortName, *, is_continued: bool) -> Query[ListedTask]:
    return compiled(statement(shape, sort, is_continued=is_continued), into=ListedTask)


async def page(
    database: Database,
    *,
    owner_id: UUID,
    filters: TaskFilters,
    sort: SortName,
    after: Position | None,
    limit: int,
) -> tuple[list[ListedTask], Position | None]:
    """A page of a user's tasks, with their tags.

    Returns:
        The tasks, and where the next page starts, or None after the last.
    """
    query = _query(filters.shape, sort, is_continued=after is not None)
    # One more than the page size tells whether there is a next page.
    tasks = await query.all(database, **values(owner_id, filters, after, limit + 1))
    if len(tasks) <= limit:
        return tasks, None
    last = tasks[limit - 1]
    return tasks[:limit], Position(last.value, last.id)
