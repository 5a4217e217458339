"""The background job: deletes expired data, a batch at a time."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.expiry import (
    delete_expired_api_tokens,
    delete_expired_attempts,
    delete_expired_invites,
    delete_expired_links,
    delete_expired_logins,
    delete_expired_networks,
)
from todo.idempotency.service import delete_expired_keys
from todo.models import utc_now
from todo.sync.forgetting import forget_deletions
from todo.tasks.service import delete_completed
from wellhead import Database

BATCH_SIZE = 1000
"""Rows per transaction: small enough that its locks are short."""


class Delete(Protocol):
    """Deletes up to `batch` rows that have expired by `now`, and returns how many."""

    async def __call__(self, session: AsyncSession, *, now: datetime, batch: int) -> int:
        """Delete them, in the session's transaction."""
        ...


EXPIRED: Mapping[str, Delete] = {
    "ended logins": delete_expired_logins,
    "unused networks": delete_expired_networks,
    "expired API tokens": delete_expired_api_tokens,
    "expired links to a new password": delete_expired_links,
    "expired invites": delete_expired_invites,
    "expired counters": delete_expired_attempts,
    "expired idempotency keys": delete_expired_keys,
}
"""What is of no use to anyone once its time is over, by the words for it."""

COMPLETED_TASKS = "completed tasks"
FORGOTTEN = "old deletions"


async def clean_up(
    database: Database,
    *,
    completed_before: timedelta | None = None,
    deleted_before: timedelta = timedelta(days=30),
    batch: int = BATCH_SIZE,
) -> dict[str, int]:
    """Delete everything that has expired, and old completed tasks if that is asked for.

    Each batch is a separate transaction: if it is stopped half-way, what was deleted stays deleted.
    Two of these may run at once; each row is deleted and counted by one of them.

    Args:
        database: The database, open.
        completed_before: How long ago a task must have been completed; None deletes no task.
        deleted_before: How long ago a task or tag must have been deleted to be forgotten.
        batch: Rows per transaction.

    Returns:
        How many rows of each kind were deleted, by the words for it.
    """
    now = utc_now()
    deletes = {kind: partial(each, now=now, batch=batch) for kind, each in EXPIRED.items()}
    deletes[FORGOTTEN] = partial(forget_deletions, before=now - deleted_before, batch=batch)
    if completed_before is not None:
        tasks = partial(delete_completed, before=now - completed_before, batch=batch)
        deletes = {COMPLETED_TASKS: tasks, **deletes}
    return {kind: await _in_batches(database, batch, each) for kind, each in deletes.items()}


async def _in_batches(
    database: Database, batch: int, delete: Callable[[AsyncSession], Awaitable[int]]
) -> int:
    total = 0
    while True:
        deleted = await database.run(delete)
        total += deleted
        if deleted < batch:
            return total
