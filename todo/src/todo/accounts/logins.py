"""The logins of an account, listed and ended one by one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, delete
from sqlmodel import col, select

from todo.accounts.models import Login
from todo.database import deleted
from todo.errors import NotFoundError
from todo.models import utc_now
from todo.paging import Position
from todo.sql import NOW, OWNER
from wellhead import Database, compiled


@dataclass(frozen=True, slots=True)
class ListedLogin:
    """A login without its hashes."""

    id: UUID
    device: str | None
    network: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


_ID = bindparam("login_id", type_=Uuid)

PAGE = compiled(
    select(*(col(getattr(Login, name)) for name in ListedLogin.__slots__))
    .where(col(Login.user_id) == OWNER, col(Login.expires_at) > NOW)
    .order_by(col(Login.id).desc())
    .limit(bindparam("limit", type_=Integer)),
    into=ListedLogin,
    optional=[col(Login.id) < bindparam("after", type_=Uuid)],
)
"""A user's logins, newest first."""

END = compiled(
    delete(Login).where(col(Login.id) == _ID, col(Login.user_id) == OWNER).returning(col(Login.id))
)


async def page(
    database: Database, *, owner_id: UUID, after: Position | None, limit: int
) -> tuple[list[ListedLogin], Position | None]:
    """A page of a user's logins that have not expired, newest first.

    Returns:
        The logins, and where the next page starts, or None after the last.
    """
    last = None if after is None else after.id
    # One more than the page size tells whether there is a next page.
    found = await PAGE.all(database, owner_id=owner_id, now=utc_now(), after=last, limit=limit + 1)
    return found[:limit], Position(None, found[limit - 1].id) if len(found) > limit else None


async def end(database: Database, *, owner_id: UUID, login_id: UUID) -> None:
    """End a login: its refresh token stops working.

    Raises:
        NotFoundError: There is none, or it is another user's.
        CommitUnknownError: It is unknown whether it was ended.
    """
    await deleted(
        lambda: END.one_or_none(database, owner_id=owner_id, login_id=login_id),
        missing=lambda: NotFoundError("You have no login with this id.", code="login-not-found"),
    )
