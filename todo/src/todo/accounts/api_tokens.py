"""Personal API tokens: an account's owner gives one to a program, and can revoke it at any time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias
from uuid import UUID

from sqlalchemy import LargeBinary, Uuid, bindparam, delete, func, or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.credentials import account_gone
from todo.accounts.models import ApiToken, User
from todo.accounts.secret_tokens import SecretToken, hash_of
from todo.database import deleted
from todo.errors import ConflictError, NotAuthenticatedError, NotFoundError
from todo.models import TIMESTAMP, utc_now
from todo.sql import NOW, OWNER
from wellhead import Database, compiled

Scope: TypeAlias = Literal["read", "write"]

PREFIX = "todo_pat_"
"""What an API token begins with: by it, scanners of source code and logs recognise one."""

_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")

MOST = 50
"""How many API tokens an account can have."""

USE_NOTED_EVERY = timedelta(hours=1)
"""A use within this time after the last one that was noted is not noted."""

_found = (
    select(col(ApiToken.id), col(ApiToken.user_id), col(ApiToken.scope))
    .where(
        col(ApiToken.token_hash) == bindparam("token_hash", type_=LargeBinary),
        or_(col(ApiToken.expires_at).is_(None), col(ApiToken.expires_at) > NOW),
    )
    .cte("found")
)
_noted = (
    update(ApiToken)
    .where(
        col(ApiToken.id) == _found.c.id,
        or_(
            col(ApiToken.last_used_at).is_(None),
            col(ApiToken.last_used_at) < bindparam("noted_before", type_=TIMESTAMP),
        ),
    )
    .values(last_used_at=NOW)
    .cte("noted")
)


@dataclass(frozen=True, slots=True)
class ApiCaller:
    """Whom an API token belongs to, and what it may do."""

    user_id: UUID
    scope: Scope


FIND = compiled(
    select(_found.c.user_id, _found.c.scope).add_cte(_noted), into=ApiCaller, is_repeatable=True
)
"""The token of a hash; also notes that it was used."""

OF_A_USER = compiled(
    select(ApiToken).where(col(ApiToken.user_id) == OWNER).order_by(col(ApiToken.id).desc())
)
"""A user's tokens, newest first."""

REVOKE = compiled(
    delete(ApiToken)
    .where(col(ApiToken.id) == bindparam("token_id", type_=Uuid), col(ApiToken.user_id) == OWNER)
    .returning(col(ApiToken.id))
)


async def caller_of(database: Database, text: str) -> ApiCaller:
    """Look an API token up, in one round trip.

    Raises:
        NotAuthenticatedError: There is none, or it has expired or was revoked.
    """
    caller = None
    if _TOKEN.fullmatch(text):
        now = utc_now()
        caller = await FIND.one_or_none(
            database, token_hash=hash_of(text), now=now, noted_before=now - USE_NOTED_EVERY
        )
    if caller is None:
        raise NotAuthenticatedError(
            "This API token does not exist; it has expired or was revoked.", code="token-invalid"
        )
    return caller


async def create(
    database: Database,
    *,
    owner_id: UUID,
    name: str,
    scope: Scope,
    expires_at: datetime | None,
) -> tuple[ApiToken, str]:
    """Create an API token.

    Returns:
        Its row, and the token itself, which cannot be shown again.

    Raises:
        ConflictError: The account has as many as it can have.
        NotAuthenticatedError: The account has been deleted.
    """
    secret = SecretToken.new(PREFIX)
    token = ApiToken(
        user_id=owner_id, name=name, scope=scope, token_hash=secret.hash, expires_at=expires_at
    )
    lock = select(User.id).where(User.id == owner_id).with_for_update(key_share=True)
    # Its own row is there if this runs again.
    others = select(func.count()).where(
        col(ApiToken.user_id) == owner_id, col(ApiToken.id) != token.id
    )

    async def store(session: AsyncSession) -> None:
        # With the lock, two at once cannot both be the last.
        if (await session.exec(lock)).first() is None:
            raise account_gone()
        if (await session.exec(others)).one() >= MOST:
            raise ConflictError(
                f"An account can have at most {MOST} API tokens; revoke one first.",
                code="too-many-api-tokens",
            )
        row = insert(ApiToken).values(**token.model_dump()).on_conflict_do_nothing()
        await session.exec(row)

    await database.run(store, is_repeatable=True)
    return token, secret.text


async def list_all(database: Database, *, owner_id: UUID) -> Sequence[ApiToken]:
    """A user's tokens, newest first, expired ones too."""
    return await OF_A_USER.all(database, owner_id=owner_id)


async def revoke(database: Database, *, owner_id: UUID, token_id: UUID) -> None:
    """Delete a token: the next request with it is refused.

    Raises:
        NotFoundError: There is none, or it is another user's.
        CommitUnknownError: It is unknown whether it was revoked.
    """
    await deleted(
        lambda: REVOKE.one_or_none(database, owner_id=owner_id, token_id=token_id),
        missing=lambda: NotFoundError(
            "You have no API token with this id.", code="api-token-not-found"
        ),
    )
