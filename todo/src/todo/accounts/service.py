"""The operations on accounts, without HTTP: register, log in and out, refresh, change, delete.

Passwords are hashed between transactions, never inside one: no connection is held during that time.
Random values are chosen before a transaction, so that each may run again, even after a COMMIT
without a reply, with the same result.
"""

import math
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn
from uuid import UUID

from pydantic import validate_email
from pydantic_core import PydanticCustomError
from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.attempts import Attempts
from todo.accounts.exchange import exchange
from todo.accounts.models import EMAIL_INDEX, Login, User
from todo.accounts.passwords import Passwords
from todo.accounts.schemas import AccountRead, TokenPair
from todo.accounts.sql import creation
from todo.accounts.tokens import AccessToken, IssuedRefreshToken, Tokens
from todo.errors import ConflictError, ForbiddenError, InvalidError, NotAuthenticatedError
from todo.idempotency.creation import Created, Creation, Values
from todo.models import new_id, utc_now
from todo.text import fold_email
from wellhead import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The accounts of one application."""

    database: Database
    passwords: Passwords
    tokens: Tokens
    attempts: Attempts

    async def prepare(
        self, *, email: str, password: str, name: str | None, address: str | None
    ) -> Values:
        """The values for `CREATION`: a new account that is not stored yet.

        Raises:
            InvalidError: The password is the address.
            TooManyAttemptsError: The client has registered too many accounts.
        """
        refuse_email_as_password(email, password)
        await self.attempts.count_registration(address=address)
        now = utc_now()
        account = AccountRead(id=new_id(), email=email, name=name, created_at=now)
        return {
            "owner_id": account.id,
            "now": now,
            "email": email,
            "email_folded": fold_email(email),
            "name": name,
            "password_hash": await self.passwords.hash(password),
            "document": account.model_dump_json(),
            "revision": None,
        }

    async def log_in(self, *, email: str, password: str, address: str | None) -> TokenPair:
        """Prove the password and start a login.

        An unknown address and a wrong password get the same response after the same work.

        Raises:
            NotAuthenticatedError: The address or the password is wrong.
            TooManyAttemptsError: The account or the client has used up its tries.
        """
        email = canonical(email)
        await self.attempts.count_login(account=email, address=address)
        async with self.database.reader() as reader:
            statement = select(User).where(col(User.email_folded) == fold_email(email))
            user = (await reader.exec(statement)).one_or_none()
        verdict = await self.passwords.verify(password, user.password_hash if user else None)
        if user is None or not verdict.is_right:
            raise wrong_credentials()
        await self.attempts.forget_account(email)
        login = self._new_login(user.id)
        hashes = {user.password_hash, verdict.new_hash or user.password_hash}

        async def start(session: AsyncSession) -> None:
            await lock_with_password(session, user.id, hashes)
            if verdict.new_hash is not None:
                await store_hash(session, user.id, verdict.new_hash)
            await login.store(session)

        await self.database.run(start, is_repeatable=True)
        return login.pair

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
        self, token: AccessToken, *, current: str, new: str, address: str | None
    ) -> TokenPair:
        """Replace the password, end every login of the account, and start a new one.

        Raises:
            ForbiddenError: The current password is wrong.
            InvalidError: The new password is the e-mail address.
            NotAuthenticatedError: The account has been deleted since the token was issued.
            TooManyAttemptsError: The account or the client has used up its tries.
        """
        user = await self._prove(token.user_id, current, address)
        refuse_email_as_password(user.email, new)
        new_hash = await self.passwords.hash(new)
        login = self._new_login(user.id)

        async def change(session: AsyncSession) -> None:
            await lock_with_password(session, user.id, {user.password_hash, new_hash})
            await store_hash(session, user.id, new_hash, updated_at=utc_now())
            await session.exec(delete(Login).where(col(Login.user_id) == user.id))
            await login.store(session)

        await self.database.run(change, is_repeatable=True)
        return login.pair

    async def delete(self, token: AccessToken, *, password: str, address: str | None) -> None:
        """Delete the account with its logins, tasks and tags.

        Raises:
            ForbiddenError: The password is wrong.
            NotAuthenticatedError: The account has been deleted already.
            TooManyAttemptsError: The account or the client has used up its tries.
        """
        user = await self._prove(token.user_id, password, address)
        deleted = delete(User).where(col(User.id) == user.id)
        await self.database.run(lambda session: session.exec(deleted), is_repeatable=True)

    async def _prove(self, user_id: UUID, password: str, address: str | None) -> User:
        user = await self.get(user_id)
        await self.attempts.count_login(account=user.email, address=address)
        verdict = await self.passwords.verify(password, user.password_hash)
        if not verdict.is_right:
            raise ForbiddenError("The password is wrong.", code="password-wrong")
        await self.attempts.forget_account(user.email)
        return user

    def _new_login(self, user_id: UUID) -> "_NewLogin":
        login_id = new_id()
        issued = self.tokens.issue_refresh(user_id=user_id, login_id=login_id)
        return _NewLogin(user_id, login_id, issued, self._pair(user_id, login_id, issued))

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

    async def store(self, session: AsyncSession) -> None:
        """Store the login; storing the same one twice is fine."""
        login = Login(
            id=self.id,
            user_id=self.user_id,
            token_hash=self.token.hash,
            expires_at=self.token.expires_at,
        )
        statement = insert(Login).values(**login.model_dump()).on_conflict_do_nothing()
        await session.exec(statement)


async def lock_with_password(
    session: AsyncSession, user_id: UUID, hashes: AbstractSet[str]
) -> None:
    """Lock an account whose password is still the one that was proved, by its hash.

    Since the proof the password may have been changed or the account deleted; the lock waits for
    a change in progress. A unit of work that stores a hash also passes the new one: it may run
    again after it was committed.

    Raises:
        NotAuthenticatedError: The password has changed, or the account is gone.
    """
    statement = (
        select(User.id)
        .where(User.id == user_id, col(User.password_hash).in_(hashes))
        .with_for_update(key_share=True)
    )
    if (await session.exec(statement)).first() is None:
        raise wrong_credentials()


async def store_hash(
    session: AsyncSession, user_id: UUID, password_hash: str, **values: datetime
) -> None:
    """Replace the hash of an account's password, and other values with it."""
    changed = update(User).where(col(User.id) == user_id)
    await session.exec(changed.values(password_hash=password_hash, **values))


def _explain(error: IntegrityError, values: Values) -> NoReturn:
    """Raise what a broken constraint means."""
    del values
    if EMAIL_INDEX in str(error.orig):
        message = "This e-mail address already has an account."
        raise ConflictError(message, code="email-taken") from error
    raise error


async def _find(database: Database, values: Values) -> Created:
    del database
    return Created(document=values["document"], revision=None)


CREATION = Creation(creation, find=_find, explain=_explain)
"""Creates an account from the values of `Accounts.prepare`."""


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
