"""Limits on attempts: per account and per address, counted for all workers together.

The counting rules come from the `limits` library; its counters are in the table `login_attempts`,
each counted in its own transaction, because a refused request rolls back. Subjects are stored as
keyed hashes: the table does not reveal who tried.
"""

import hashlib
import hmac
import math
import time
from datetime import timedelta
from ipaddress import IPv6Address, ip_address

from limits import RateLimitItem, parse
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from sqlalchemy import case, delete
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.models import LoginAttempt
from todo.errors import TooManyAttemptsError
from todo.models import utc_now
from todo.text import fold_email
from wellhead import Database

IPV6_NETWORK = 64
"""A customer usually has a whole /64, so its addresses count as one."""


class DatabaseStorage(Storage):
    """Counters of the `limits` library in PostgreSQL; each call is a separate transaction."""

    STORAGE_SCHEME = None

    def __init__(self, database: Database, *, secret: bytes) -> None:
        super().__init__()
        self._database = database
        self._secret = secret

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing is wrapped: a database error gets its usual response."""
        return Exception

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count `amount` and return the sum of the window, which restarts once it is over."""
        now = utc_now()
        ends = now + timedelta(seconds=expiry)
        is_over = col(LoginAttempt.expires_at) <= now
        counted = (
            insert(LoginAttempt)
            .values(key=self._hash(key), hits=amount, expires_at=ends)
            .on_conflict_do_update(
                index_elements=[col(LoginAttempt.key)],
                set_={
                    "hits": case((is_over, amount), else_=col(LoginAttempt.hits) + amount),
                    "expires_at": case((is_over, ends), else_=col(LoginAttempt.expires_at)),
                },
            )
            .returning(col(LoginAttempt.hits))
        )

        async def count(session: AsyncSession) -> int:
            hits: int = (await session.exec(counted)).scalar_one()
            return hits

        # Counted twice if the first COMMIT got no reply: better than not at all.
        return await self._database.run(count, is_repeatable=True)

    async def get(self, key: str) -> int:
        """The sum of the current window, 0 if there is none."""
        async with self._database.reader() as reader:
            found = await reader.exec(
                select(LoginAttempt.hits).where(
                    LoginAttempt.key == self._hash(key), LoginAttempt.expires_at > utc_now()
                )
            )
            return found.one_or_none() or 0

    async def get_expiry(self, key: str) -> float:
        """When the window ends, as a POSIX timestamp; now if there is none."""
        async with self._database.reader() as reader:
            found = await reader.exec(
                select(LoginAttempt.expires_at).where(LoginAttempt.key == self._hash(key))
            )
            ends = found.one_or_none() or utc_now()
            return ends.timestamp()

    async def check(self) -> bool:
        """Whether the counters can be read."""
        async with self._database.reader() as reader:
            await reader.exec(select(LoginAttempt.hits).limit(1))
        return True

    async def reset(self) -> int:
        """Delete every counter and return how many there were."""

        async def forget(session: AsyncSession) -> int:
            return (await session.exec(delete(LoginAttempt))).rowcount

        return await self._database.run(forget)

    async def clear(self, key: str) -> None:
        """Delete one counter."""
        forgotten = delete(LoginAttempt).where(col(LoginAttempt.key) == self._hash(key))
        await self._database.run(lambda session: session.exec(forgotten), is_repeatable=True)

    def _hash(self, key: str) -> str:
        return hmac.new(self._secret, key.encode(), hashlib.sha256).hexdigest()


class Attempts:
    """The three limits of the application.

    Args:
        storage: The storage of the counters.
        per_account: How often the password of one account may be tried, such as
            `10 per 15 minutes`.
        per_address: How often one address may try any password.
        registrations: How many accounts one address may register.
    """

    def __init__(
        self, storage: Storage, *, per_account: str, per_address: str, registrations: str
    ) -> None:
        self._storage = storage
        self._limiter = FixedWindowRateLimiter(storage)
        self._per_account = parse(per_account)
        self._per_address = parse(per_address)
        self._registrations = parse(registrations)

    async def count_login(self, *, account: str, address: str | None) -> None:
        """Count one password attempt.

        The address comes first: a client refused for its address cannot use up an account's tries.

        Raises:
            TooManyAttemptsError: The address or the account has used up its tries.
        """
        await self._count(self._per_address, "login-address", network(address))
        await self._count(self._per_account, "login-account", fold_email(account))

    async def forget_account(self, account: str) -> None:
        """Delete the tries of an account whose owner has just proved the password."""
        await self._limiter.clear(self._per_account, "login-account", fold_email(account))

    async def count_registration(self, *, address: str | None) -> None:
        """Count one registration.

        Raises:
            TooManyAttemptsError: The address has registered too many accounts.
        """
        await self._count(self._registrations, "registration-address", network(address))

    async def _count(self, limit: RateLimitItem, *subject: str) -> None:
        if await self._limiter.hit(limit, *subject):
            return
        window = await self._limiter.get_window_stats(limit, *subject)
        seconds = min(max(math.ceil(window.reset_time - time.time()), 1), limit.get_expiry())
        raise TooManyAttemptsError(
            f"Too many attempts; try again in {seconds} s.",
            code="too-many-attempts",
            retry_after=seconds,
        )


def network(address: str | None) -> str:
    """The network of one client: an IPv4 address, or the /64 around an IPv6 address.

    Without an address (a Unix socket, a test) all such clients count as one.
    """
    try:
        found = ip_address(address or "")
    except ValueError:
        return "local"
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    host_bits = found.max_prefixlen - IPV6_NETWORK
    return str(IPv6Address(int(found) >> host_bits << host_bits))
