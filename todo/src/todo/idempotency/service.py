"""Doing a unit of work once for each key, and giving its first answer again.

Three things decide what becomes of a key, all of them in the transaction of the work itself:

- an advisory lock, which the first request holds until its transaction ends; whoever does not get
  it is told so at once, and does not wait;
- the row of the first answer, inserted last: it exists if, and only if, the work was committed;
- the row's primary key, for the moment in which one request ends while another one looks.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from sqlalchemy import and_, delete, func, literal
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from todo.errors import ConflictError, InvalidError
from todo.idempotency.models import IdempotencyKey
from todo.models import utc_now
from todo.units import Runner, Work

LOOKS = 20
"""How often a unit that runs again looks whether its first run has ended on the server."""

PAUSE = 0.1
"""Seconds between two looks."""

RETRY_AFTER = 1
"""Seconds after which a request that is being worked on has probably been answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered; `owner_id` is the account that it goes with when that is deleted."""

    owner_id: UUID
    status: int
    headers: Mapping[str, str]
    body: str

    @classmethod
    def kept_in(cls, row: IdempotencyKey) -> Self:
        """The answer that a row keeps."""
        return cls(owner_id=row.user_id, status=row.status, headers=row.headers, body=row.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One request under its key.

    Attributes:
        id: Stands for the key, and for who sent it.
        fingerprint: Stands for what was asked.
        lifetime: How long its answer is kept.
    """

    id: bytes
    fingerprint: bytes
    lifetime: timedelta

    @property
    def lock(self) -> int:
        """The number of its advisory lock."""
        return int.from_bytes(self.id[:8], signed=True)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """How one application recognises requests.

    Attributes:
        secret: What fingerprints are keyed with. Changed, it makes every repeated request look
            like another one, which is refused and not done twice.
        lifetime: How long an answer is kept.
    """

    secret: bytes = field(repr=False)
    lifetime: timedelta

    def submission(self, *, scope: str, key: str, request: str) -> Submission:
        """A request under its key.

        Args:
            scope: Who sent it; the same key of somebody else is another one.
            key: As the client made it up.
            request: All that is asked, in one form however it was written.
        """
        return Submission(
            id=hashlib.sha256(f"{scope}\n{key}".encode()).digest(),
            fingerprint=hmac.digest(self.secret, f"idempotency\n{request}".encode(), "sha256"),
            lifetime=self.lifetime,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and whether an earlier request was the first to get it."""

    answer: Answer
    is_replay: bool


async def do_once(run: Runner, submission: Submission, work: Work[Answer]) -> Reply:
    """Do the work, or find out what it was answered when it was done before.

    May run again even after a COMMIT that nobody answered: the key tells what became of it.

    Raises:
        ConflictError: A request with this key is being worked on.
        InvalidError: The key was sent with another request before.
        CommitUnknownError: Three COMMITs in a row were not answered.
    """
    looks = 1
    made: Answer | None = None

    async def attempt(session: AsyncSession) -> Reply:
        nonlocal looks, made
        # The server may not have noticed yet that the connection of a first run is lost.
        first = await _claim(session, submission, looks=looks)
        looks = LOOKS
        if first is not None:
            return Reply(first, is_replay=first != made)
        made = await work(session)
        await _keep(session, submission, made)
        return Reply(made, is_replay=False)

    return await run(attempt, is_repeatable=True)


async def _claim(session: AsyncSession, submission: Submission, *, looks: int) -> Answer | None:
    for look in range(looks):
        if look:
            await asyncio.sleep(PAUSE)
        is_ours, kept = await _look(session, submission)
        if kept is not None:
            if not hmac.compare_digest(kept.fingerprint, submission.fingerprint):
                raise InvalidError(
                    "This Idempotency-Key was sent with another request before; use a new one.",
                    code="idempotency-key-reused",
                )
            return Answer.kept_in(kept)
        if is_ours:
            return None
    raise _in_use()


async def _look(
    session: AsyncSession, submission: Submission
) -> tuple[bool, IdempotencyKey | None]:
    # One round trip: try to lock, and read what is kept.
    here = select(literal(1)).subquery()
    statement = (
        select(func.pg_try_advisory_xact_lock(submission.lock), IdempotencyKey)
        .select_from(here)
        .outerjoin(
            IdempotencyKey,
            and_(
                col(IdempotencyKey.id) == submission.id,
                col(IdempotencyKey.expires_at) > utc_now(),
            ),
        )
    )
    is_ours, kept = (await session.exec(statement)).one()
    return is_ours, kept


async def _keep(session: AsyncSession, submission: Submission, answer: Answer) -> None:
    now = utc_now()
    row = {
        "user_id": answer.owner_id,
        "fingerprint": submission.fingerprint,
        "status": answer.status,
        "headers": dict(answer.headers),
        "body": answer.body,
        "created_at": now,
        "expires_at": now + submission.lifetime,
    }
    statement = (
        insert(IdempotencyKey)
        .values(id=submission.id, **row)
        .on_conflict_do_update(
            index_elements=[col(IdempotencyKey.id)],
            set_=row,
            where=col(IdempotencyKey.expires_at) <= now,
        )
        .returning(col(IdempotencyKey.id))
    )
    if (await session.exec(statement)).first() is None:
        # It was committed between the snapshot of our look and the lock, which came free then.
        raise _in_use()


def _in_use() -> ConflictError:
    return ConflictError(
        "A request with this Idempotency-Key is being worked on; send it again in a moment.",
        code="idempotency-key-in-use",
        retry_after=RETRY_AFTER,
    )


async def delete_expired_keys(session: AsyncSession, *, now: datetime, batch: int) -> int:
    """Delete up to `batch` keys whose time is over, and say how many."""
    expired = (
        select(IdempotencyKey.id)
        .where(col(IdempotencyKey.expires_at) <= now)
        .limit(batch)
        .with_for_update(skip_locked=True)
    )
    statement = delete(IdempotencyKey).where(col(IdempotencyKey.id).in_(expired))
    return (await session.exec(statement)).rowcount
