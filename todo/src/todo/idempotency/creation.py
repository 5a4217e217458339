"""Making an object in one statement, which keeps its answer under the request's key, if it has one.

Three things decide what becomes of a key, all of them in that statement:

- an advisory lock, which it holds until it ends; whoever does not get it is told so at once, and
  does not wait;
- the row of the first answer: it exists if, and only if, the object was made;
- the row's primary key, for the moment in which one request ends while another one looks: the
  statement of the later one fails, and has done nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeAlias

from sqlalchemy import (
    CTE,
    BigInteger,
    FromClause,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from todo.idempotency.models import IdempotencyKey
from todo.models import TIMESTAMP
from wellhead import Database, Query, compiled

Values: TypeAlias = Mapping[str, Any]
"""The values of a statement: those of `build`, with `owner_id` and `now`."""


@dataclass(frozen=True, slots=True)
class Created:
    """What a new object is shown with; no `revision` where it has none."""

    document: str
    revision: str | None


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a request under its key.

    Attributes:
        is_ours: Whether nobody else worked on it.
        fingerprint: Of the request that was kept; None where there is none. Then the other
            `kept_...` mean nothing.
        document: What the new object is shown with; None where nothing was made.
        revision: The same.
    """

    is_ours: bool
    fingerprint: bytes | None
    kept_status: int
    kept_headers: dict[str, str]
    kept_body: str
    kept_at: datetime
    document: str | None
    revision: str | None


class Creation:
    """Makes one kind of object.

    Args:
        build: The statement: it gets the name of the rows from which each of its INSERTs selects,
            one or none, and returns those with `document` and `revision`. Done again with the same
            values, it makes nothing.
        find: What the object of these values is shown with, where it was made before.
        explain: Raises what a broken constraint means; returns where the same statement may do
            better.
    """

    def __init__(
        self,
        build: Callable[[FromClause], CTE],
        *,
        find: Callable[[Database, Values], Awaitable[Created]],
        explain: Callable[[IntegrityError, Values], None],
    ) -> None:
        self.find = find
        self.explain = explain
        self._build = build

    @cached_property
    def plain(self) -> Query[Created]:
        """Make the object of these values; no result where it was made before."""
        created = self._build(select(literal_column("1").label("one")).cte("turn"))
        return compiled(
            select(created.c.document, created.c.revision), into=Created, is_repeatable=True
        )

    @cached_property
    def keyed(self) -> Query[Submitted]:
        """The same, once for each key."""
        return compiled(_keyed(self._build), into=Submitted)


def _keyed(build: Callable[[FromClause], CTE]) -> Any:
    key_id = bindparam("key_id", type_=LargeBinary)
    now = bindparam("now", type_=TIMESTAMP)
    same = col(IdempotencyKey.id) == key_id
    lock = func.pg_try_advisory_xact_lock(bindparam("key_lock", type_=BigInteger))
    claim = select(lock.label("is_ours")).cte("claim")
    kept = (
        select(
            col(IdempotencyKey.fingerprint),
            col(IdempotencyKey.status).label("kept_status"),
            col(IdempotencyKey.headers).label("kept_headers"),
            col(IdempotencyKey.body).label("kept_body"),
            col(IdempotencyKey.created_at).label("kept_at"),
        )
        .where(same, col(IdempotencyKey.expires_at) > now)
        .cte("kept")
    )
    turn = select(claim.c.is_ours).where(claim.c.is_ours, ~exists(select(kept))).cte("turn")
    created = build(turn)
    expired = (
        delete(IdempotencyKey)
        .where(same, col(IdempotencyKey.expires_at) <= now, exists(select(turn)))
        .returning(col(IdempotencyKey.id))
        .cte("expired")
    )
    quote = literal_column("'\"'", Text)
    row = {
        "id": key_id,
        "user_id": bindparam("owner_id", type_=Uuid),
        "fingerprint": bindparam("key_fingerprint", type_=LargeBinary),
        "status": literal_column("201"),
        "headers": func.jsonb_strip_nulls(
            func.jsonb_build_object(
                literal_column("'Location'"), bindparam("location", type_=Text),
                literal_column("'ETag'"), quote + created.c.revision + quote,
            )
        ),
        "body": created.c.document,
        "created_at": now,
        "expires_at": bindparam("key_expires_at", type_=TIMESTAMP),
    }  # fmt: skip
    # The count makes the old row go before the new one comes.
    gone = select(func.count()).select_from(expired).scalar_subquery()
    key = (
        insert(IdempotencyKey)
        .from_select(list(row), select(*row.values()).select_from(created).where(gone >= 0))
        .cte("key")
    )
    return (
        select(claim.c.is_ours, *kept.c, created.c.document, created.c.revision)
        .select_from(claim.outerjoin(kept, true()).outerjoin(created, true()))
        .add_cte(key)
    )
