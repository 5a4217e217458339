"""Deletes expired logins, networks and counters; run by the background job."""

from datetime import datetime

from sqlalchemy import delete, tuple_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.models import KnownNetwork, Login, LoginAttempt


async def delete_expired_logins(session: AsyncSession, *, now: datetime, batch: int) -> int:
    """Delete up to `batch` logins whose refresh token has expired, and return how many.

    A login that is in use at the moment is left for the next run.
    """
    expired = (
        select(Login.id)
        .where(col(Login.expires_at) <= now)
        .limit(batch)
        .with_for_update(skip_locked=True)
    )
    return (await session.exec(delete(Login).where(col(Login.id).in_(expired)))).rowcount


async def delete_expired_networks(session: AsyncSession, *, now: datetime, batch: int) -> int:
    """Delete up to `batch` networks that nobody has used for long, and return how many."""
    key = (col(KnownNetwork.user_id), col(KnownNetwork.network_hash))
    expired = (
        select(*key)
        .where(col(KnownNetwork.expires_at) <= now)
        .limit(batch)
        .with_for_update(skip_locked=True)
    )
    return (await session.exec(delete(KnownNetwork).where(tuple_(*key).in_(expired)))).rowcount


async def delete_expired_attempts(session: AsyncSession, *, now: datetime, batch: int) -> int:
    """Delete up to `batch` counters whose window is over, and return how many."""
    expired = (
        select(LoginAttempt.key)
        .where(col(LoginAttempt.expires_at) <= now)
        .limit(batch)
        .with_for_update(skip_locked=True)
    )
    statement = delete(LoginAttempt).where(col(LoginAttempt.key).in_(expired))
    return (await session.exec(statement)).rowcount
