"""The operations on one task, in one statement and one round trip each."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from todo.batches import delete_batch
from todo.chosen_ids import id_taken
from todo.database import decided
from todo.errors import ConflictError, NotAuthenticatedError, NotFoundError
from todo.idempotency.creation import Created, Creation, Values
from todo.models import new_id, utc_now
from todo.revisions import Revisions, accepted_by
from todo.tags.models import MAX_TAGS_PER_TASK
from todo.tags.models import OWNER_CONSTRAINT as TAG_OWNER_CONSTRAINT
from todo.tags.service import tag_not_found, values_of_names
from todo.tasks import sql
from todo.tasks.changes import (
    ChangedTask,
    attach_tag,
    change_fields,
    detach_tag,
    move_after,
    move_before,
    replace_tags,
)
from todo.tasks.due import stored_day
from todo.tasks.models import ID_CONSTRAINT, OWNER_CONSTRAINT, TAG_CONSTRAINT, Priority, Task
from todo.tasks.positions import LONGEST, position_at, spread
from todo.tasks.sql import TaskRow
from todo.text import fold_words
from wellhead import Database, Query


class TaskChanges(TypedDict, total=False):
    """The fields to change; a `due_date` is a day or a time, `tags` are names."""

    title: str
    description: str | None
    priority: Priority
    due_date: date | None
    completed: bool
    tags: Sequence[str]


def new_task(
    *,
    owner_id: UUID,
    task_id: UUID | None = None,
    title: str,
    description: str | None = None,
    priority: Priority = Priority.MEDIUM,
    due_date: date | None = None,
    completed: bool = False,
    tags: Sequence[str] = (),
) -> Values:
    """The values for `CREATION`: a task, and the tags it names, which need not exist yet.

    It is due on a day or at a time, which has its zone. With a `task_id` that the client has
    chosen, they are for `CREATION_BY_ID`.
    """
    now = utc_now()
    task_id = task_id or new_id()
    return {
        "owner_id": owner_id,
        "now": now,
        "task_id": task_id,
        "title": title,
        "title_folded": fold_words(title),
        "description": description,
        "description_folded": None if description is None else fold_words(description),
        "priority": priority,
        **_due(due_date),
        "completed_at": now if completed else None,
        "position": position_at(now, task_id),
        **values_of_names(tags),
    }


async def get(database: Database, *, owner_id: UUID, task_id: UUID) -> TaskRow:
    """One of a user's tasks with its tags.

    Raises:
        NotFoundError: There is none, or it is another user's.
    """
    task = await sql.READ.one_or_none(database, owner_id=owner_id, task_id=task_id)
    if task is None:
        raise task_not_found()
    return task


async def update(
    database: Database,
    *,
    owner_id: UUID,
    task_id: UUID,
    changes: TaskChanges,
    expected: Revisions | None = None,
) -> TaskRow:
    """Change the fields in `changes`; completing a completed task keeps its time.

    Raises:
        NotFoundError: There is none, or it is another user's.
        PreconditionFailedError: Its revision is not among the expected ones.
        NotAuthenticatedError: The account is gone.
        CommitUnknownError: It is unknown whether it was changed.
    """
    title, description = changes.get("title"), changes.get("description")
    values = {
        "owner_id": owner_id,
        "task_id": task_id,
        "title": title,
        "title_folded": None if title is None else fold_words(title),
        "sets_description": "description" in changes,
        "description": description,
        "description_folded": None if description is None else fold_words(description),
        "priority": changes.get("priority"),
        "sets_due_date": "due_date" in changes,
        **_due(changes.get("due_date")),
        "completed": changes.get("completed"),
    }
    if "tags" not in changes:
        return await _changed(database, change_fields(), values, expected)
    values |= values_of_names(changes["tags"])
    return await _changed(database, replace_tags(), values, expected)


async def attach(
    database: Database,
    *,
    owner_id: UUID,
    task_id: UUID,
    tag_id: UUID,
    expected: Revisions | None = None,
) -> TaskRow:
    """Attach a tag to a task; does nothing if it is already attached.

    Raises:
        NotFoundError: There is no such task or tag, or it is another user's.
        PreconditionFailedError: The task's revision is not among the expected ones.
        ConflictError: The task has the maximum number of tags.
        CommitUnknownError: It is unknown whether it was changed.
    """
    values = {"owner_id": owner_id, "task_id": task_id, "tag_id": tag_id}
    return await _changed(database, attach_tag(), values, expected)


async def detach(
    database: Database,
    *,
    owner_id: UUID,
    task_id: UUID,
    tag_id: UUID,
    expected: Revisions | None = None,
) -> TaskRow:
    """Detach a tag from a task; does nothing if it is not attached.

    Raises:
        NotFoundError: There is no such task or tag, or it is another user's.
        PreconditionFailedError: The task's revision is not among the expected ones.
        CommitUnknownError: It is unknown whether it was changed.
    """
    values = {"owner_id": owner_id, "task_id": task_id, "tag_id": tag_id}
    return await _changed(database, detach_tag(), values, expected)


async def move(
    database: Database,
    *,
    owner_id: UUID,
    task_id: UUID,
    is_after: bool,
    anchor_id: UUID | None,
    expected: Revisions | None = None,
) -> TaskRow:
    """Move a task in the manual order; does nothing if it is there already.

    Args:
        database: The database.
        owner_id: The user.
        task_id: The task to move.
        is_after: Whether it comes right after the other one, or right before it.
        anchor_id: The other one; None moves it to the beginning after nothing, or to the end before
            nothing.
        expected: The revisions of which the task must have one.

    Raises:
        NotFoundError: There is no such task or no such other one, or it is another user's.
        PreconditionFailedError: Its revision is not among the expected ones.
        CommitUnknownError: It is unknown whether it was moved.
    """
    change = move_after() if is_after else move_before()
    values = {
        "owner_id": owner_id,
        "task_id": task_id,
        "anchor_id": anchor_id,
        "now_position": position_at(utc_now(), task_id),
    }
    moved = await _changed(database, change, values, expected, refuse=_refuse_move)
    if len(moved.position) <= LONGEST:
        return moved
    await spread().all(database, owner_id=owner_id, now=utc_now())
    return await get(database, owner_id=owner_id, task_id=task_id)


async def remove(
    database: Database, *, owner_id: UUID, task_id: UUID, expected: Revisions | None = None
) -> None:
    """Delete a task.

    Raises:
        NotFoundError: There is none, or it is another user's.
        PreconditionFailedError: Its revision is not among the expected ones.
        CommitUnknownError: It is unknown whether it was deleted.
    """
    values = {"owner_id": owner_id, "task_id": task_id, "expected": accepted_by(expected)}
    await decided(lambda: sql.DELETE.one_or_none(database, **values), missing=task_not_found)


async def delete_completed(session: AsyncSession, *, before: datetime, batch: int = 1000) -> int:
    """Delete the tasks that were completed longest ago, of all users.

    Small batches, each in its own transaction, keep locks short; tasks that are being changed are
    left for the next run.

    Args:
        session: The transaction.
        before: Only tasks that were completed before this time.
        batch: The maximum number.

    Returns:
        How many were deleted; fewer than `batch` means that none is left.
    """
    oldest = oldest_completed(before=before, limit=batch)
    return (await session.exec(delete_batch(Task, oldest))).rowcount


def oldest_completed(*, before: datetime, limit: int) -> SelectOfScalar[UUID]:
    """The query for the ids of the tasks that were completed longest ago."""
    return (
        select(Task.id)
        .where(col(Task.completed_at) < before)
        .order_by(col(Task.completed_at))
        .limit(limit)
    )


def _due(due_date: date | None) -> dict[str, Any]:
    if due_date is None or isinstance(due_date, datetime):
        return {"due_date": due_date, "is_all_day": False}
    return {"due_date": stored_day(due_date), "is_all_day": True}


async def _changed(
    database: Database,
    change: Query[ChangedTask],
    values: dict[str, Any],
    expected: Revisions | None,
    refuse: Callable[[ChangedTask], None] | None = None,
) -> ChangedTask:
    accepted = accepted_by(expected)
    values |= {"now": utc_now(), "expected": accepted}
    return await decided(
        lambda: change.one_or_none(database, **values),
        missing=task_not_found,
        is_repeatable=accepted is None,
        refuse=refuse or _refuse,
        explain=lambda error: explain(error, values),
    )


def _refuse(task: ChangedTask) -> None:
    if not task.has_target:
        raise tag_not_found()
    if not task.has_room:
        message = f"A task can have at most {MAX_TAGS_PER_TASK} tags; remove one first."
        raise ConflictError(message, code="too-many-tags")


def _refuse_move(task: ChangedTask) -> None:
    if not task.has_target:
        message = "You have no other task with the id in before or after."
        raise NotFoundError(message, code="other-task-not-found")


def explain(error: IntegrityError, values: Values) -> None:
    """Raise what a constraint violation means; return if the same statement may succeed."""
    del values
    text = str(error.orig)
    if TAG_CONSTRAINT in text or ID_CONSTRAINT in text:
        return  # A tag was deleted, or the id was taken, since the statement looked.
    if OWNER_CONSTRAINT in text or TAG_OWNER_CONSTRAINT in text:
        raise NotAuthenticatedError("This account is gone.", code="account-gone") from error
    raise error


async def _find(database: Database, values: Values) -> Created:
    task = await get(database, owner_id=values["owner_id"], task_id=values["task_id"])
    return Created(task.document, task.revision)


CREATION = Creation(sql.creation, find=_find, explain=explain)
"""Creates a task, along with the missing tags, from the values of `new_task`."""

CREATION_BY_ID = Creation(sql.creation_by_id, find=None, explain=explain, taken=id_taken)
"""The same for an id that the client has chosen."""


def task_not_found() -> NotFoundError:
    """There is no such task, or it is another user's."""
    return NotFoundError("You have no task with this id.", code="task-not-found")
