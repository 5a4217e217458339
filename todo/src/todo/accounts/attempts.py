"""Limits on attempts, counted for all workers together.

The counting rules come from the `limits` library; its counters are in the table `login_attempts`,
each counted by one statement that commits by itself, because a refused request rolls back. Subjects
are stored as keyed hashes: the table does not reveal who tried.

Tries at a password are counted for account and network together, so that a stranger's do not lock
the owner out. Those from networks in which the owner has not registered, logged in or set a new
password are also counted for the account alone: that slows an attacker with many networks.
"""

import hashlib
import hmac
import math
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from ipaddress import IPv6Address, ip_address
from typing import Any
from uuid import UUID

from limits import RateLimitItem, parse
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from sqlalchemy import ARRAY, Integer, Text, bindparam, case, delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.models import LoginAttempt
from todo.errors import TooManyAttemptsError
from todo.models import TIMESTAMP, utc_now
from todo.sql import NOW
from todo.text import fold_email
from wellhead import Database, Query, compiled

IPV6_NETWORK = 64
"""A customer usually has a whole /64, so its addresses count as one."""

UNKNOWN_NETWORKS = 5
"""How many times the tries of one network all unknown networks together have at an account."""

_KEYS = bindparam("keys", type_=ARRAY(Text))


@cache
def _count() -> Query[int]:
    amount, ends = bindparam("amount", type_=Integer), bindparam("ends", type_=TIMESTAMP)
    is_over = col(LoginAttempt.expires_at) <= NOW
    earlier = aliased(LoginAttempt)
    hits = select(func.coalesce(func.sum(earlier.hits), 0)).where(
        col(earlier.key) == func.any(_KEYS), col(earlier.expires_at) > NOW
    )
    return compiled(
        insert(LoginAttempt)
        .values(key=bindparam("key", type_=Text), hits=amount, expires_at=ends)
        .on_conflict_do_update(
            index_elements=[col(LoginAttempt.key)],
            set_={
                "hits": case((is_over, amount), else_=col(LoginAttempt.hits) + amount),
                "expires_at": case((is_over, ends), else_=col(LoginAttempt.expires_at)),
            },
        )
        .returning(col(LoginAttempt.hits) + hits.scalar_subquery()),
        # Counted twice if it got no reply: better than not at all.
        is_repeatable=True,
    )


@cache
def _clear() -> Query[Any]:
    forgotten = delete(LoginAttempt).where(col(LoginAttempt.key) == func.any(_KEYS))
    return compiled(forgotten, is_repeatable=True)


class DatabaseStorage(Storage):
    """Counters of the `limits` library in PostgreSQL; each call is one statement.

    Args:
        database: Where they are stored.
        secret: The key of the hashes.
        previous_secrets: The keys of before; what was counted under them still counts.
    """

    STORAGE_SCHEME = None

    def __init__(
        self, database: Database, *, secret: bytes, previous_secrets: Sequence[bytes] = ()
    ) -> None:
        super().__init__()
        self._database = database
        self._secrets = (secret, *previous_secrets)

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing is wrapped: a database error gets its usual response."""
        return Exception

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count `amount` and return the sum of the window, which restarts once it is over."""
        now = utc_now()
        own, *earlier = self.hashes(key)
        return await _count().one(
            self._database,
            key=own,
            keys=earlier,
            amount=amount,
            now=now,
            ends=now + timedelta(seconds=expiry),
        )

    async def get(self, key: str) -> int:
        """The sum of the current window, 0 if there is none."""
        async with self._database.reader() as reader:
            found = await reader.exec(
                select(func.sum(LoginAttempt.hits)).where(
                    col(LoginAttempt.key).in_(self.hashes(key)),
                    col(LoginAttempt.expires_at) > utc_now(),
                )
            )
            return found.one() or 0

    async def get_expiry(self, key: str) -> float:
        """When the window ends, as a POSIX timestamp; now if there is none."""
        async with self._database.reader() as reader:
            found = await reader.exec(
                select(func.max(LoginAttempt.expires_at)).where(
                    col(LoginAttempt.key).in_(self.hashes(key))
                )
            )
            ends: datetime | None = found.one()
            return (ends or utc_now()).timestamp()

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
        await _clear().execute(self._database, keys=self.hashes(key))

    def hashes(self, text: str) -> list[str]:
        """What is stored of a text: under the current key, and under each of before."""
        return [
            hmac.new(secret, text.encode(), hashlib.sha256).hexdigest() for secret in self._secrets
        ]


class Attempts:
    """The limits of the application.

    Args:
        storage: The storage of the counters.
        per_account: How often the password of one account may be tried from one network, such as
            `10 per 15 minutes`. From all networks that its owner has not used, five times as often.
        per_address: How often one address may try any password.
        registrations: How many accounts one address may register.
        resets_per_account: How often a new password may be asked for in the name of one account,
            and how many notices of changes it is mailed.
        resets_per_address: How often one address may ask for one, in any name.
    """

    def __init__(
        self,
        storage: DatabaseStorage,
        *,
        per_account: str,
        per_address: str,
        registrations: str,
        resets_per_account: str,
        resets_per_address: str,
    ) -> None:
        self._storage = storage
        self._limiter = FixedWindowRateLimiter(storage)
        self._per_account = parse(per_account)
        self._from_unknown = type(self._per_account)(
            self._per_account.amount * UNKNOWN_NETWORKS, self._per_account.multiples
        )
        self._per_address = parse(per_address)
        self._registrations = parse(registrations)
        self._resets_per_account = parse(resets_per_account)
        self._resets_per_address = parse(resets_per_address)

    async def count_login(self, *, account: str, address: str | None) -> None:
        """Count one try at the password of an account.

        The address comes first: a client refused for its address cannot use up an account's tries.

        Raises:
            TooManyAttemptsError: The address has used up its tries, at any account or at this one.
        """
        await self._count(self._per_address, "login-address", network(address))
        await self._count(self._per_account, *_login(account, address))

    async def count_unknown_network(self, *, account: str) -> None:
        """Count the same try again: the owner has never been in this network.

        Raises:
            TooManyAttemptsError: All such networks together have used up their tries.
        """
        await self._count(self._from_unknown, "login-unknown", fold_email(account))

    async def forget_login(self, *, account: str, address: str | None) -> None:
        """Delete the tries from the network of an owner who has just proved the password."""
        await self._limiter.clear(self._per_account, *_login(account, address))

    async def count_proof(self, *, login_id: UUID, address: str | None) -> None:
        """Count one try at the password by someone who is logged in.

        It is counted for the login: who tries without one cannot keep the owner from a change.

        Raises:
            TooManyAttemptsError: The address or the login has used up its tries.
        """
        await self._count(self._per_address, "login-address", network(address))
        await self._count(self._per_account, "proof-login", str(login_id))

    async def forget_proof(self, *, login_id: UUID) -> None:
        """Delete the tries of a login whose owner has just proved the password."""
        await self._limiter.clear(self._per_account, "proof-login", str(login_id))

    async def count_registration(self, *, address: str | None) -> None:
        """Count one registration.

        Raises:
            TooManyAttemptsError: The address has registered too many accounts.
        """
        await self._count(self._registrations, "registration-address", network(address))

    def network_hashes(self, address: str | None) -> list[bytes]:
        """What is stored of a network: under the current secret, and under each of before."""
        return [bytes.fromhex(each) for each in self._storage.hashes(f"network {network(address)}")]

    async def count_reset(self, *, account: str, address: str | None) -> None:
        """Count one request for a new password, whether there is such an account or not.

        Raises:
            TooManyAttemptsError: The address or the account has asked too often.
        """
        await self._count(self._resets_per_address, "reset-address", network(address))
        await self._count(self._resets_per_account, "reset-account", fold_email(account))

    async def may_notify(self, *, account: str) -> bool:
        """Count one notice to an address, and say whether it may be mailed."""
        return await self._limiter.hit(
            self._resets_per_account, "notice-account", fold_email(account)
        )

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


def _login(account: str, address: str | None) -> tuple[str, str, str]:
    return "login-account", fold_email(account), network(address)


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
