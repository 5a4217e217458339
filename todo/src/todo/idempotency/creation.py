"""Do a POST in one statement, which also stores the response under the request's key.

Three things decide what happens to a key, all of them in that statement:

- an advisory lock, which the statement holds until it ends; if it is taken, the request is told so
  at once, and does not wait;
- the row of the first response: it exists if, and only if, the object was created;
- the row's primary key, for the moment in which one request ends while another one looks: the later
  statement fails, and has done nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from http import HTTPStatus
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

from todo.errors import TodoError
from todo.idempotency.models import IdempotencyKey
from todo.models import TIMESTAMP
from wellhead import Database, Query, compiled

Values: TypeAlias = Mapping[str, Any]
"""The values of a statement: those of `build`, with `owner_id` and `now`."""


@dataclass(frozen=True, slots=True)
class Created:
    """The content of a new object's response; no `revision` if it has none."""

    document: str
    revision: str | None


@dataclass(frozen=True, slots=True)
class Submitted:
    """The outcome of a request under its key.

    Attributes:
        is_ours: Whether no other request was working on it.
        fingerprint: That of the stored request; None if there is none. Then the other
            `kept_...` have no meaning.
        document: The content of the new object's response; None if nothing was created.
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
    """Creates one kind of object, or does other work of which the response is worth keeping.

    Args:
        build: The statement: it gets the name of the rows from which each of its INSERTs selects,
            one or none, and returns those with `document` and `revision`. Repeated with the same
            values, it creates nothing.
        find: The content of the response for the object of these values, if it already exists. If
            nothing can tell what was done, None: then each request has a key, its own if need be.
        explain: Raises what a constraint violation means; returns if the same statement may
            succeed when repeated.
        taken: The error if the client has chosen the id of the object, and `build` does nothing
            since the id is taken. None if the ids are the server's own.
        status: The status of the response.
    """

    def __init__(
        self,
        build: Callable[[FromClause], CTE],
        *,
        find: Callable[[Database, Values], Awaitable[Created]] | None,
        explain: Callable[[IntegrityError, Values], None],
        taken: Callable[[], TodoError] | None = None,
        status: HTTPStatus = HTTPStatus.CREATED,
    ) -> None:
        self.find = find
        self.explain = explain
        self.taken = taken
        self.status = status
        self._build = build

    @cached_property
    def plain(self) -> Query[Created]:
        """Create the object from these values; no result if it already exists."""
        created = self._build(select(literal_column("1").label("one")).cte("turn"))
        return compiled(
            select(created.c.document, created.c.revision), into=Created, is_repeatable=True
        )

    @cached_property
    def keyed(self) -> Query[Submitted]:
        """The same, once per key."""
        return compiled(_keyed(self._build, self.status), into=Submitted)


def _keyed(build: Callable[[FromClause], CTE], status: HTTPStatus) -> Any:
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
        "status": literal_column(str(status.value)),
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
