"""The background job: deletes what nobody needs any more, a batch at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Delete, delete
from sqlmodel import col, select
from wellhead import Database

from todo.accounts.models import Login, LoginAttempt
from todo.models import utc_now
from todo.tasks.models import Task

BATCH_SIZE = 1000
"""Rows of one transaction: small enough that nobody waits for its locks."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """How many rows of each kind were deleted."""

    tasks: int
    logins: int
    attempts: int


async def clean_up(
    database: Database, *, completed_before: timedelta, batch_size: int = BATCH_SIZE
) -> Cleaned:
    """Delete tasks completed longer ago than `completed_before`, ended logins and old counters.

    Two of these may run at once; each row is deleted and counted by one of them.
    """
    now = utc_now()

    def old_tasks() -> Delete:
        oldest_kept = now - completed_before
        some = (
            select(Task.id)
            .where(col(Task.completed_at) < oldest_kept)
            .limit(batch_size)
            .with_for_update(skip_locked=True)
        )
        return delete(Task).where(col(Task.id).in_(some))

    def expired_logins() -> Delete:
        some = (
            select(Login.id)
            .where(col(Login.expires_at) < now)
            .limit(batch_size)
            .with_for_update(skip_locked=True)
        )
        return delete(Login).where(col(Login.id).in_(some))

    def expired_attempts() -> Delete:
        some = (
            select(LoginAttempt.key)
            .where(col(LoginAttempt.expires_at) < now)
            .limit(batch_size)
            .with_for_update(skip_locked=True)
        )
        return delete(LoginAttempt).where(col(LoginAttempt.key).in_(some))

    return Cleaned(
        tasks=await _in_batches(database, old_tasks),
        logins=await _in_batches(database, expired_logins),
        attempts=await _in_batches(database, expired_attempts),
    )


async def _in_batches(database: Database, batch: Callable[[], Delete]) -> int:
    total = 0
    while True:
        async with database.session() as session:
            deleted = (await session.exec(batch())).rowcount
        if not deleted:
            return total
        total += deleted
