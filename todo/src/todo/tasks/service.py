"""What can be done with one task. Every function works in the caller's transaction.

A change first locks the task's row, then reads its tags: a second change waits for the first one
and then sees all of it. So a revision that was compared stays true until the commit.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict, cast
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import QueryableAttribute, joinedload, selectinload
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from todo.errors import ConflictError, NotAuthenticatedError, NotFoundError
from todo.models import utc_now
from todo.revisions import Revisions, refuse_if_changed
from todo.tags import service as tags_service
from todo.tags.models import MAX_TAGS_PER_TASK, Tag
from todo.tasks.models import OWNER_CONSTRAINT, Priority, Task
from wellhead import Reader

TAGS = cast("QueryableAttribute[list[Tag]]", Task.tags)
"""The relationship as SQLAlchemy's loader options want it."""


class TaskChanges(TypedDict, total=False):
    """The fields to change; `tags` are names."""

    title: str
    description: str | None
    priority: Priority
    due_date: datetime | None
    completed: bool
    tags: Sequence[str]


async def create(
    session: AsyncSession,
    *,
    owner_id: UUID,
    title: str,
    description: str | None = None,
    priority: Priority = Priority.MEDIUM,
    due_date: datetime | None = None,
    completed: bool = False,
    tags: Sequence[str] = (),
) -> Task:
    """Make a task, and the tags it names that do not exist yet.

    Raises:
        NotAuthenticatedError: The account is gone.
    """
    now = utc_now()
    task = Task(
        user_id=owner_id,
        title=title,
        description=description,
        priority=priority,
        due_date=due_date,
        completed_at=now if completed else None,
        created_at=now,
        updated_at=now,
        tags=await tags_service.ensure(session, owner_id=owner_id, names=tags),
    )
    session.add(task)
    try:
        await session.flush()
    except IntegrityError as error:
        if OWNER_CONSTRAINT not in str(error.orig):
            raise
        raise NotAuthenticatedError("This account is gone.", code="account-gone") from error
    return task


async def get(reader: Reader, *, owner_id: UUID, task_id: UUID) -> Task:
    """One of a user's tasks with its tags, in one round trip.

    Raises:
        NotFoundError: There is none, or it is another user's.
    """
    statement = _one(owner_id, task_id).options(joinedload(TAGS))
    return _found((await reader.exec(statement)).unique().one_or_none())


async def update(
    session: AsyncSession,
    *,
    owner_id: UUID,
    task_id: UUID,
    changes: TaskChanges,
    expected: Revisions | None = None,
) -> Task:
    """Change the fields that `changes` holds; completing what is complete keeps its time.

    Raises:
        NotFoundError: There is none, or it is another user's.
        PreconditionFailedError: Its revision is not among the expected ones.
    """
    task = await _locked(session, owner_id, task_id, expected)
    if "tags" in changes:
        names = changes["tags"]
        task.tags = await tags_service.ensure(session, owner_id=owner_id, names=names)
    if "title" in changes:
        task.title = changes["title"]
    if "description" in changes:
        task.description = changes["description"]
    if "priority" in changes:
        task.priority = changes["priority"]
    if "due_date" in changes:
        task.due_date = changes["due_date"]
    if changes.get("completed", task.completed) != task.completed:
        task.completed_at = None if task.completed else utc_now()
    return await _saved(session, task)


async def attach(
    session: AsyncSession,
    *,
    owner_id: UUID,
    task_id: UUID,
    tag_id: UUID,
    expected: Revisions | None = None,
) -> Task:
    """Put a tag on a task; nothing changes when it is there already.

    Raises:
        NotFoundError: There is no such task or tag, or it is another user's.
        PreconditionFailedError: The task's revision is not among the expected ones.
        ConflictError: The task carries as many tags as a task may.
    """
    task = await _locked(session, owner_id, task_id, expected)
    tag = await tags_service.hold(session, owner_id=owner_id, tag_id=tag_id)
    others = [other for other in task.tags if other.id != tag_id]
    if len(others) >= MAX_TAGS_PER_TASK:
        message = f"A task carries at most {MAX_TAGS_PER_TASK} tags; take one off first."
        raise ConflictError(message, code="too-many-tags")
    task.tags = sorted([*others, tag], key=lambda tag: tag.name_folded)
    return await _saved(session, task)


async def detach(
    session: AsyncSession,
    *,
    owner_id: UUID,
    task_id: UUID,
    tag_id: UUID,
    expected: Revisions | None = None,
) -> Task:
    """Take a tag off a task; nothing changes when it is not there.

    Raises:
        NotFoundError: There is no such task or tag, or it is another user's.
        PreconditionFailedError: The task's revision is not among the expected ones.
    """
    task = await _locked(session, owner_id, task_id, expected)
    await tags_service.hold(session, owner_id=owner_id, tag_id=tag_id)
    task.tags = [other for other in task.tags if other.id != tag_id]
    return await _saved(session, task)


async def remove(
    session: AsyncSession, *, owner_id: UUID, task_id: UUID, expected: Revisions | None = None
) -> None:
    """Delete a task.

    Raises:
        NotFoundError: There is none, or it is another user's.
        PreconditionFailedError: Its revision is not among the expected ones.
    """
    if expected is not None:
        await _locked(session, owner_id, task_id, expected)
    statement = delete(Task).where(col(Task.id) == task_id, col(Task.user_id) == owner_id)
    if (await session.exec(statement)).rowcount == 0:
        raise _not_found()


async def delete_completed(session: AsyncSession, *, before: datetime, batch: int = 1000) -> int:
    """Delete the tasks that were completed longest ago, of all users.

    Small batches, each in its own transaction, keep locks short; tasks that somebody is changing
    are left for the next run.

    Args:
        session: The transaction.
        before: Only tasks that were completed before this time.
        batch: How many at most.

    Returns:
        How many were deleted; less than `batch` means that none is left.
    """
    oldest = oldest_completed(before=before, limit=batch).with_for_update(skip_locked=True)
    return (await session.exec(delete(Task).where(col(Task.id).in_(oldest)))).rowcount


def oldest_completed(*, before: datetime, limit: int) -> SelectOfScalar[UUID]:
    """The query for the ids of the tasks that were completed longest ago."""
    return (
        select(Task.id)
        .where(col(Task.completed_at) < before)
        .order_by(col(Task.completed_at))
        .limit(limit)
    )


async def _locked(
    session: AsyncSession, owner_id: UUID, task_id: UUID, expected: Revisions | None
) -> Task:
    statement = (
        _one(owner_id, task_id)
        .options(selectinload(TAGS))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    task = _found((await session.exec(statement)).one_or_none())
    refuse_if_changed(task.revision, expected)
    return task


async def _saved(session: AsyncSession, task: Task) -> Task:
    if session.is_modified(task):
        task.updated_at = utc_now()
        await session.flush()  # Counts the version up, which the revision is made of.
    return task


def _one(owner_id: UUID, task_id: UUID) -> SelectOfScalar[Task]:
    return select(Task).where(col(Task.id) == task_id, col(Task.user_id) == owner_id)


def _found(task: Task | None) -> Task:
    if task is None:
        raise _not_found()
    return task


def _not_found() -> NotFoundError:
    return NotFoundError("You have no task with this id.", code="task-not-found")
