"""Bring back tasks that were deleted, with their ids and tags."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Text,
    TypeDecorator,
    Uuid,
    and_,
    column,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import TypeEngine
from sqlmodel import col

from todo.models import utc_now
from todo.sql import NOW, OWNER
from todo.sync.models import DeletedTask
from todo.tags.models import TaskTag
from todo.tags.returning import returned
from todo.tasks import service
from todo.tasks.models import STORED, Task
from todo.tasks.sql import COLUMNS, ID, TaskRow, with_new_links
from wellhead import Database, compiled


def plain_type(stored: ColumnElement[Any]) -> TypeEngine[Any]:
    """The type of a column as the server knows it."""
    kind = stored.type
    return kind.impl_instance if isinstance(kind, TypeDecorator) else kind


def _restoration() -> Any:
    gone, task = _brought_back(col(DeletedTask.id) == ID, COLUMNS)
    carried, _ = returned(_tags_of(gone))
    return with_new_links(task, carried)


def _brought_back(which: ColumnElement[bool], shown: Sequence[Any]) -> tuple[CTE, CTE]:
    """The deleted tasks of the owner as they were kept, and as they are inserted again."""
    gone = (
        delete(DeletedTask)
        .where(which, col(DeletedTask.user_id) == OWNER)
        .returning(col(DeletedTask.id), col(DeletedTask.contents), col(DeletedTask.tags))
        .cte("gone")
    )
    kept = (
        func.jsonb_to_record(gone.c.contents)
        .table_valued(*(column(each.name, plain_type(each)) for each in STORED), name="kept")
        .render_derived(name="kept", with_types=True)
    )
    # It does not get a revision again that it had.
    given = {each.name: kept.c[each.name] for each in STORED} | {
        "version": kept.c.version + literal_column("1"),
        "updated_at": NOW,
    }
    task = (
        insert(Task)
        .from_select(list(given), select(*given.values()).select_from(gone.join(kept, true())))
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(*shown)
        .cte("task")
    )
    return gone, task


def _tags_of(gone: CTE) -> CTE:
    wanted = (
        func.jsonb_to_recordset(gone.c.tags)
        .table_valued(
            column("id", Uuid), column("name", Text), column("name_folded", Text),
            column("color", Text), name="wanted",
        )
        .render_derived(with_types=True)
    )  # fmt: skip
    each = select(gone.c.id.label("task_id"), *wanted.c)
    return each.select_from(gone.join(wanted, true())).cte("tags_wanted")


def restoration(found: CTE) -> CTE:
    """Bring back all of these deleted tasks of the owner; their ids.

    Args:
        found: Their `id`.
    """
    gone, task = _brought_back(col(DeletedTask.id).in_(select(found.c.id)), [col(Task.id)])
    wanted = _tags_of(gone)
    carried, _ = returned(wanted)
    same = carried.alias("same")
    has_id = exists().where(same.c.id == wanted.c.id)
    is_it = or_(
        carried.c.id == wanted.c.id, and_(carried.c.name_folded == wanted.c.name_folded, ~has_id)
    )
    links = (
        select(task.c.id, carried.c.id)
        .distinct()
        .select_from(task.join(wanted, wanted.c.task_id == task.c.id).join(carried, is_it))
    )
    linked = insert(TaskTag).from_select(["task_id", "tag_id"], links).cte("linked")
    return select(task.c.id).add_cte(linked).cte("restored")


RESTORE = compiled(_restoration(), into=TaskRow, is_repeatable=True)
"""Bring back a deleted task; no result if there is none."""


async def restore(database: Database, *, owner_id: UUID, task_id: UUID) -> TaskRow:
    """Bring back a deleted task with its id and its tags; does nothing if it is there.

    Missing tags are created again. A tag that was renamed meanwhile keeps its new name.

    Raises:
        NotFoundError: There was none, it is another user's, or it was deleted too long ago.
        NotAuthenticatedError: The account is gone.
        CommitUnknownError: The server did not reply three times in a row.
    """
    values = {"owner_id": owner_id, "task_id": task_id, "now": utc_now()}
    while True:
        try:
            task = await RESTORE.one_or_none(database, **values)
        except IntegrityError as error:
            service.explain(error, values)
            continue
        if task is not None:
            return task
        # It was never deleted, or has just been restored.
        return await service.get(database, owner_id=owner_id, task_id=task_id)
