"""Deletes what has expired of accounts; run by the background job."""

from datetime import datetime
from typing import Any

from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.models import ApiToken, Invite, KnownNetwork, Login, LoginAttempt, PasswordReset
from todo.batches import delete_batch


class DeleteExpired:
    """Deletes up to `batch` expired rows of a table, and returns how many.

    A row that is in use at the moment is left for the next run.

    Args:
        table: The table.
        key: Its primary key.
        expires_at: When a row expires.
    """

    def __init__(self, table: type[SQLModel], key: Any, expires_at: Any) -> None:
        self._table = table
        self._key = col(key)
        self._expires_at = col(expires_at)

    async def __call__(self, session: AsyncSession, *, now: datetime, batch: int) -> int:
        """Delete them, in the session's transaction."""
        expired = select(self._key).where(self._expires_at <= now).limit(batch)
        return (await session.exec(delete_batch(self._table, expired))).rowcount


async def delete_expired_networks(session: AsyncSession, *, now: datetime, batch: int) -> int:
    """Delete up to `batch` networks that nobody has used for long, and return how many."""
    key = (col(KnownNetwork.user_id), col(KnownNetwork.network_hash))
    expired = select(*key).where(col(KnownNetwork.expires_at) <= now).limit(batch)
    return (await session.exec(delete_batch(KnownNetwork, expired))).rowcount


delete_expired_logins = DeleteExpired(Login, Login.id, Login.expires_at)
delete_expired_attempts = DeleteExpired(LoginAttempt, LoginAttempt.key, LoginAttempt.expires_at)
delete_expired_api_tokens = DeleteExpired(ApiToken, ApiToken.id, ApiToken.expires_at)
delete_expired_links = DeleteExpired(PasswordReset, PasswordReset.id, PasswordReset.expires_at)
delete_expired_invites = DeleteExpired(Invite, Invite.id, Invite.expires_at)
