"""The operations on accounts, without HTTP: register, log in and out, refresh, change, delete.

Passwords are hashed between transactions, never inside one: no connection is held during that time.
Random values are chosen before a transaction, so that each may run again, even after a COMMIT
without a reply, with the same result.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NoReturn
from uuid import UUID

from pydantic import validate_email
from pydantic_core import PydanticCustomError
from sqlalchemy import Delete, delete, exists, or_, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.attempts import Attempts, network
from todo.accounts.exchange import exchange
from todo.accounts.models import (
    EMAIL_INDEX,
    ApiToken,
    InviteUse,
    KnownNetwork,
    Login,
    PasswordReset,
    User,
)
from todo.accounts.notices import Notices
from todo.accounts.passwords import Passwords
from todo.accounts.schemas import AccountRead, TokenPair
from todo.accounts.secret_tokens import hash_of
from todo.accounts.sql import creation, invited_creation
from todo.accounts.tokens import AccessToken, IssuedRefreshToken, Tokens
from todo.errors import ConflictError, ForbiddenError, InvalidError, NotAuthenticatedError
from todo.idempotency.creation import Created, Creation, Values
from todo.models import new_id, utc_now
from todo.text import fold_email
from wellhead import Database

KNOWN_FOR = timedelta(days=180)
"""How long the owner of an account is expected again from a network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The accounts of one application."""

    database: Database
    passwords: Passwords
    tokens: Tokens
    attempts: Attempts
    notices: Notices
    registration: Literal["open", "invite", "closed"] = "open"

    @property
    def creation(self) -> Creation:
        """How a registration creates an account, from the values of `prepare`."""
        return INVITED if self.registration == "invite" else CREATION

    async def prepare(
        self,
        *,
        email: str,
        password: str,
        name: str | None,
        address: str | None,
        invite: str | None = None,
    ) -> Values:
        """The values for `creation`: a new account that is not stored yet.

        Raises:
            ForbiddenError: Nobody can register, or only with an invite, and there is none.
            InvalidError: The password is the address.
            TooManyAttemptsError: The client has registered too many accounts.
        """
        if self.registration == "closed":
            raise ForbiddenError(
                "Nobody can register here; ask the operator for an account.",
                code="registration-closed",
            )
        if self.registration == "invite" and invite is None:
            raise ForbiddenError(
                "Only those with an invite can register here; send it as invite.",
                code="invite-required",
            )
        refuse_email_as_password(email, password)
        await self.attempts.count_registration(address=address)
        values = await new_account(
            self.passwords,
            email=email,
            password=password,
            name=name,
            network_hash=self.attempts.network_hashes(address)[0],
        )
        if self.registration != "invite":
            return values
        return {**values, "invite_hash": hash_of(invite or "")}

    async def log_in(
        self, *, email: str, password: str, address: str | None, device: str | None = None
    ) -> TokenPair:
        """Prove the password and start a login on a device.

        An unknown address and a wrong password get the same response after the same work.

        Raises:
            NotAuthenticatedError: The address or the password is wrong.
            TooManyAttemptsError: The account or the client has used up its tries.
        """
        email = canonical(email)
        await self.attempts.count_login(account=email, address=address)
        networks = self.attempts.network_hashes(address)
        user, is_known = await self._find(email, networks)
        if not is_known:
            await self.attempts.count_unknown_network(account=email)
        while True:
            verdict = await self.passwords.verify(password, user.password_hash if user else None)
            if user is None or not verdict.is_right:
                raise wrong_credentials()
            login = self._new_login(user.id, networks[0], address, device)
            if await self._start(login, user, new_hash=verdict.new_hash):
                break
            # It has been changed since it was read, and this may be the new one.
            user, _ = await self._find(email, networks)
        await self.attempts.forget_login(account=email, address=address)
        return login.pair

    async def _find(self, email: str, networks: Sequence[bytes]) -> tuple[User | None, bool]:
        """The account of an address, and whether its owner has been in this network."""
        is_known = exists().where(
            col(KnownNetwork.user_id) == col(User.id),
            col(KnownNetwork.network_hash).in_(networks),
            col(KnownNetwork.expires_at) > utc_now(),
        )
        statement = select(User, is_known).where(col(User.email_folded) == fold_email(email))
        async with self.database.reader() as reader:
            found = (await reader.exec(statement)).one_or_none()
        return (None, False) if found is None else (found[0], found[1])

    async def _start(self, login: "_NewLogin", proved: User, *, new_hash: str | None) -> bool:
        async def start(session: AsyncSession) -> bool:
            if not await lock_with_password(session, proved):
                return False
            if new_hash is not None:
                await renew_hash(session, proved, new_hash)
            await login.store(session)
            return True

        return await self.database.run(start, is_repeatable=True)

    async def refresh(self, text: str) -> TokenPair:
        """Exchange a refresh token for the next pair.

        For a moment (`refresh_grace` of the tokens) an exchanged token still gives the current one:
        two tabs use the same, and a response may be lost. A genuine token that was exchanged longer
        ago is used by its owner and by a thief: the login ends for both.

        Raises:
            NotAuthenticatedError: The token is invalid, was used before, or its login has ended.
        """
        token = self.tokens.read_refresh(text)
        now = self.tokens.now()
        exchanged = await exchange().one_or_none(
            self.database,
            login_id=token.login_id,
            given=token.hash,
            following=self.tokens.next_hash(token),
            now=now,
            spent_since=now - self.tokens.refresh_grace,
            lifetime=self.tokens.refresh_lifetime,
        )
        if exchanged is None or exchanged.is_over:
            raise NotAuthenticatedError(
                "This refresh token was used before or its login has ended; log in again.",
                code="login-over",
            )
        issued = self.tokens.follow(token, exchanged.hashes[::-1], issued_at=exchanged.issued_at)
        return self._pair(token.user_id, token.login_id, issued)

    async def log_out(self, token: AccessToken) -> None:
        """End the login of the access token; ending it twice is fine."""
        ended = delete(Login).where(col(Login.id) == token.login_id)
        await self.database.run(lambda session: session.exec(ended), is_repeatable=True)

    async def get(self, user_id: UUID) -> User:
        """The account of a user.

        Raises:
            NotAuthenticatedError: The account has been deleted since the token was issued.
        """
        async with self.database.reader() as reader:
            user = await reader.get(User, user_id)
        if user is None:
            raise account_gone()
        return user

    async def change_password(
        self,
        token: AccessToken,
        *,
        current: str,
        new: str,
        address: str | None,
        device: str | None = None,
    ) -> TokenPair:
        """Replace the password, end every login of the account, and start a new one.

        Raises:
            ForbiddenError: The current password is wrong.
            InvalidError: The new password is the e-mail address.
            NotAuthenticatedError: The account has been deleted since the token was issued.
            TooManyAttemptsError: The account or the client has used up its tries.
        """
        new_hash: str | None = None
        while True:
            user = await self.prove(token, current, address)
            refuse_email_as_password(user.email, new)
            new_hash = new_hash or await self.passwords.hash(new)
            network_hash = self.attempts.network_hashes(address)[0]
            login = self._new_login(user.id, network_hash, address, device)
            if await self._change(login, user, new_hash):
                self.notices.password_changed(email=user.email)
                return login.pair

    async def _change(self, login: "_NewLogin", proved: User, new_hash: str) -> bool:
        async def change(session: AsyncSession) -> bool:
            # With the new login, this has been done before: its COMMIT got no reply.
            if not await lock_with_password(session, proved, or_with=login.id):
                return False
            await store_hash(session, proved.id, new_hash)
            await session.exec(ended(proved.id, Login, PasswordReset))
            await login.store(session)
            return True

        return await self.database.run(change, is_repeatable=True)

    async def delete(self, token: AccessToken, *, password: str, address: str | None) -> None:
        """Delete the account with its logins, tasks and tags.

        Raises:
            ForbiddenError: The password is wrong.
            NotAuthenticatedError: The account has been deleted already.
            TooManyAttemptsError: The account or the client has used up its tries.
        """
        while not await self._delete(await self.prove(token, password, address)):
            pass

    async def _delete(self, proved: User) -> bool:
        of_user = col(User.id) == proved.id
        deleted = delete(User).where(of_user, col(User.password_version) == proved.password_version)

        async def remove(session: AsyncSession) -> bool:
            if (await session.exec(deleted)).rowcount:
                return True
            return (await session.exec(select(User.id).where(of_user))).first() is None

        return await self.database.run(remove, is_repeatable=True)

    async def prove(self, token: AccessToken, password: str, address: str | None) -> User:
        """The account of a token whose holder knows the password.

        Raises:
            ForbiddenError: The password is wrong.
            NotAuthenticatedError: The account has been deleted since the token was issued.
            TooManyAttemptsError: The login or the client has used up its tries.
        """
        user = await self.get(token.user_id)
        await self.attempts.count_proof(login_id=token.login_id, address=address)
        verdict = await self.passwords.verify(password, user.password_hash)
        if not verdict.is_right:
            raise ForbiddenError("The password is wrong.", code="password-wrong")
        await self.attempts.forget_proof(login_id=token.login_id)
        return user

    def _new_login(
        self, user_id: UUID, network_hash: bytes, address: str | None, device: str | None
    ) -> "_NewLogin":
        login_id = new_id()
        issued = self.tokens.issue_refresh(user_id=user_id, login_id=login_id)
        pair = self._pair(user_id, login_id, issued)
        return _NewLogin(user_id, login_id, issued, pair, network_hash, network(address), device)

    def _pair(self, user_id: UUID, login_id: UUID, refresh: IssuedRefreshToken) -> TokenPair:
        left = refresh.expires_at - self.tokens.now()
        return TokenPair(
            access_token=self.tokens.issue_access(user_id=user_id, login_id=login_id),
            refresh_token=refresh.text,
            expires_in=int(self.tokens.access_lifetime.total_seconds()),
            refresh_expires_in=math.ceil(left.total_seconds()),
        )


@dataclass(frozen=True, slots=True)
class _NewLogin:
    user_id: UUID
    id: UUID
    token: IssuedRefreshToken
    pair: TokenPair
    network_hash: bytes
    network: str
    device: str | None

    async def store(self, session: AsyncSession) -> None:
        """Store the login and its network; storing the same one twice is fine."""
        login = Login(
            id=self.id,
            user_id=self.user_id,
            token_hash=self.token.hash,
            expires_at=self.token.expires_at,
            network=self.network,
            device=self.device,
        )
        statement = insert(Login).values(**login.model_dump()).on_conflict_do_nothing()
        await session.exec(statement.add_cte(known(self.user_id, self.network_hash).cte("known")))


def known(user_id: UUID, network_hash: bytes) -> Insert:
    """One statement that stores from where the owner of an account is expected again."""
    until = utc_now() + KNOWN_FOR
    return (
        insert(KnownNetwork)
        .values(user_id=user_id, network_hash=network_hash, expires_at=until)
        .on_conflict_do_update(
            index_elements=["user_id", "network_hash"], set_={"expires_at": until}
        )
    )


async def lock_with_password(
    session: AsyncSession, proved: User, *, or_with: UUID | None = None
) -> bool:
    """Lock an account, and say whether its password is still the one that was proved.

    The lock waits for a change in progress. A new hash of the same password is no change.

    Args:
        session: The transaction.
        proved: The account as it was read.
        or_with: A login whose existence says that this unit of work has been committed before.
    """
    is_unchanged = col(User.password_version) == proved.password_version
    is_done = exists().where(col(Login.id) == or_with)
    statement = (
        select(User.id)
        .where(
            User.id == proved.id, is_unchanged if or_with is None else or_(is_unchanged, is_done)
        )
        .with_for_update(key_share=True)
    )
    return (await session.exec(statement)).first() is not None


async def renew_hash(session: AsyncSession, proved: User, new_hash: str) -> None:
    """Replace the hash of a password by another one of the same, unless it has changed."""
    outdated = update(User).where(
        col(User.id) == proved.id, col(User.password_hash) == proved.password_hash
    )
    await session.exec(outdated.values(password_hash=new_hash))


def ended(
    user_id: UUID, table: type[Login], *others: type[ApiToken] | type[PasswordReset]
) -> Delete:
    """One statement that deletes what opens an account."""
    statement = delete(table).where(col(table.user_id) == user_id)
    for each in others:
        gone = delete(each).where(col(each.user_id) == user_id)
        statement = statement.add_cte(gone.cte(f"ended_{each.__tablename__}"))
    return statement


async def store_hash(session: AsyncSession, user_id: UUID, password_hash: str) -> None:
    """Change the password of an account."""
    changed = update(User).where(col(User.id) == user_id)
    version = col(User.password_version) + 1
    await session.exec(
        changed.values(password_hash=password_hash, password_version=version, updated_at=utc_now())
    )


async def new_account(
    passwords: Passwords,
    *,
    email: str,
    password: str,
    name: str | None,
    network_hash: bytes | None = None,
) -> Values:
    """The values for `CREATION`: a new account that is not stored yet.

    Args:
        passwords: Hashes its password.
        email: Its address.
        password: The password.
        name: The name of its owner.
        network_hash: The network that its owner is in; None if it is made by somebody else.
    """
    now = utc_now()
    account = AccountRead(id=new_id(), email=email, name=name, created_at=now)
    return {
        "owner_id": account.id,
        "now": now,
        "email": email,
        "email_folded": fold_email(email),
        "name": name,
        "password_hash": await passwords.hash(password),
        "network_hash": network_hash,
        "known_until": now + KNOWN_FOR,
        "document": account.model_dump_json(),
        "revision": None,
    }


def explain(error: IntegrityError, values: Values) -> NoReturn:
    """Raise what a broken constraint means."""
    del values
    if EMAIL_INDEX in str(error.orig):
        message = "This e-mail address already has an account."
        raise ConflictError(message, code="email-taken") from error
    if InviteUse.__tablename__ in str(error.orig):
        message = "This invite was used, has expired, is for another address, or never existed."
        raise ForbiddenError(message, code="invite-invalid") from error
    raise error


async def _find(database: Database, values: Values) -> Created:
    del database
    return Created(document=values["document"], revision=None)


CREATION = Creation(creation, find=_find, explain=explain)
"""Creates an account from the values of `new_account`."""

INVITED = Creation(invited_creation, find=_find, explain=explain)
"""The same, and uses an invite up; `invite_hash` is its hash."""


def canonical(email: str) -> str:
    """The address as registration would have stored it, or unchanged if it is not valid."""
    try:
        return validate_email(email)[1]
    except PydanticCustomError:
        return email


def refuse_email_as_password(email: str, password: str) -> None:
    """Refuse the first password that an attacker would try.

    Raises:
        InvalidError: The password is the address.
    """
    if fold_email(password.strip()) == fold_email(email):
        raise InvalidError("The password must not be the e-mail address.", code="password-is-email")


def wrong_credentials() -> NotAuthenticatedError:
    """The same response to every failed login, whatever was wrong with it."""
    return NotAuthenticatedError(
        "The e-mail address or the password is wrong.", code="login-failed"
    )


def account_gone() -> NotAuthenticatedError:
    """A token outlives its account by minutes; a write with it has no owner."""
    return NotAuthenticatedError("This account has been deleted.", code="account-gone")
