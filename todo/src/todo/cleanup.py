"""The background job: deletes expired data, a batch at a time."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.expiry import delete_expired_attempts, delete_expired_logins
from todo.idempotency.service import delete_expired_keys
from todo.models import utc_now
from todo.tasks.service import delete_completed
from wellhead import Database

BATCH_SIZE = 1000
"""Rows per transaction: small enough that its locks are short."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """How many rows of each kind were deleted."""

    tasks: int
    logins: int
    attempts: int
    keys: int


async def clean_up(
    database: Database, *, completed_before: timedelta, batch: int = BATCH_SIZE
) -> Cleaned:
    """Delete tasks completed longer ago than `completed_before`, and everything that has expired.

    Each batch is a separate transaction: if it is stopped half-way, what was deleted stays deleted.
    Two of these may run at once; each row is deleted and counted by one of them.
    """
    now = utc_now()
    in_batches = partial(_in_batches, database, batch)
    return Cleaned(
        tasks=await in_batches(
            partial(delete_completed, before=now - completed_before, batch=batch)
        ),
        logins=await in_batches(partial(delete_expired_logins, now=now, batch=batch)),
        attempts=await in_batches(partial(delete_expired_attempts, now=now, batch=batch)),
        keys=await in_batches(partial(delete_expired_keys, now=now, batch=batch)),
    )


async def _in_batches(
    database: Database, batch: int, delete: Callable[[AsyncSession], Awaitable[int]]
) -> int:
    total = 0
    while True:
        deleted = await database.run(delete)
        total += deleted
        if deleted < batch:
            return total
