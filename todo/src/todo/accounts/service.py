"""What accounts can do, without HTTP: register, log in and out, refresh, change, delete.

Passwords are hashed between transactions, never inside one: no connection is held meanwhile.
"""

from dataclasses import dataclass
from uuid import UUID

from pydantic import validate_email
from pydantic_core import PydanticCustomError
from sqlalchemy import delete, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.attempts import Attempts
from todo.accounts.models import Login, User
from todo.accounts.passwords import Passwords
from todo.accounts.schemas import TokenPair
from todo.accounts.tokens import AccessToken, Tokens
from todo.errors import ConflictError, ForbiddenError, InvalidError, NotAuthenticatedError
from todo.models import new_id, utc_now
from wellhead import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The accounts of one application."""

    database: Database
    passwords: Passwords
    tokens: Tokens
    attempts: Attempts

    async def register(
        self, *, email: str, password: str, name: str | None, address: str | None
    ) -> User:
        """Make an account.

        Raises:
            ConflictError: The address has an account already.
            InvalidError: The password is the address.
            TooManyAttemptsError: The client has asked for too many accounts.
        """
        refuse_email_as_password(email, password)
        await self.attempts.count_registration(address=address)
        user = User(email=email, name=name, password_hash=await self.passwords.hash(password))
        added = (
            insert(User)
            .values(**user.model_dump())
            .on_conflict_do_nothing(index_elements=[func.lower(col(User.email))])
            .returning(col(User.id))
        )
        async with self.database.session() as session:
            is_new = (await session.exec(added)).first() is not None
        if not is_new:
            raise ConflictError("This e-mail address has an account already.", code="email-taken")
        return user

    async def log_in(self, *, email: str, password: str, address: str | None) -> TokenPair:
        """Prove the password and start a login.

        An unknown address and a wrong password are the same answer after the same work.

        Raises:
            NotAuthenticatedError: The address or the password is wrong.
            TooManyAttemptsError: The account or the client has used up its tries.
        """
        email = canonical(email)
        await self.attempts.count_login(account=email, address=address)
        async with self.database.reader() as reader:
            statement = select(User).where(func.lower(User.email) == func.lower(email))
            user = (await reader.exec(statement)).one_or_none()
        verdict = await self.passwords.verify(password, user.password_hash if user else None)
        if user is None or not verdict.is_right:
            raise wrong_credentials()
        await self.attempts.forget_account(email)
        async with self.database.session() as session:
            await self._lock_with_password(session, user)
            if verdict.new_hash is not None:
                await session.exec(
                    update(User)
                    .where(col(User.id) == user.id)
                    .values(password_hash=verdict.new_hash)
                )
            return self._start_login(session, user.id)

    async def refresh(self, text: str) -> TokenPair:
        """Exchange a refresh token for the next pair.

        A genuine token that is not the current one was used before, by its owner or by a thief:
        the login ends for both.

        Raises:
            NotAuthenticatedError: The token is not valid, was used before, or its login is over.
        """
        token = self.tokens.read_refresh(text)
        issued = self.tokens.issue_refresh(user_id=token.user_id, login_id=token.login_id)
        now = utc_now()
        rotated = (
            update(Login)
            .where(
                col(Login.id) == token.login_id,
                col(Login.token_hash) == token.hash,
                col(Login.expires_at) > now,
            )
            .values(token_hash=issued.hash, last_used_at=now, expires_at=issued.expires_at)
            .returning(col(Login.id))
        )
        async with self.database.session() as session:
            is_current = (await session.exec(rotated)).first() is not None
            if not is_current:
                await session.exec(delete(Login).where(col(Login.id) == token.login_id))
        if not is_current:
            raise NotAuthenticatedError(
                "This refresh token was used before or its login is over; log in again.",
                code="login-over",
            )
        return self._pair(token.user_id, token.login_id, issued.text)

    async def log_out(self, token: AccessToken) -> None:
        """End the login that the access token belongs to; ending it twice is fine."""
        async with self.database.session() as session:
            await session.exec(delete(Login).where(col(Login.id) == token.login_id))

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
        async with self.database.session() as session:
            await self._lock_with_password(session, user)
            await session.exec(
                update(User)
                .where(col(User.id) == user.id)
                .values(password_hash=new_hash, updated_at=utc_now())
            )
            await session.exec(delete(Login).where(col(Login.user_id) == user.id))
            return self._start_login(session, user.id)

    async def delete(self, token: AccessToken, *, password: str, address: str | None) -> None:
        """Delete the account with its logins, tasks and tags.

        Raises:
            ForbiddenError: The password is wrong.
            NotAuthenticatedError: The account has been deleted already.
            TooManyAttemptsError: The account or the client has used up its tries.
        """
        user = await self._prove(token.user_id, password, address)
        async with self.database.session() as session:
            await session.exec(delete(User).where(col(User.id) == user.id))

    async def _prove(self, user_id: UUID, password: str, address: str | None) -> User:
        user = await self.get(user_id)
        await self.attempts.count_login(account=user.email, address=address)
        verdict = await self.passwords.verify(password, user.password_hash)
        if not verdict.is_right:
            raise ForbiddenError("The password is wrong.", code="password-wrong")
        await self.attempts.forget_account(user.email)
        return user

    async def _lock_with_password(self, session: AsyncSession, user: User) -> None:
        # Between the proof and this transaction the password may have been changed or the account
        # deleted; the lock makes a change that is under way finish first.
        statement = (
            select(User.id)
            .where(User.id == user.id, User.password_hash == user.password_hash)
            .with_for_update(key_share=True)
        )
        if (await session.exec(statement)).first() is None:
            raise wrong_credentials()

    def _start_login(self, session: AsyncSession, user_id: UUID) -> TokenPair:
        login_id = new_id()
        issued = self.tokens.issue_refresh(user_id=user_id, login_id=login_id)
        session.add(
            Login(
                id=login_id,
                user_id=user_id,
                token_hash=issued.hash,
                expires_at=issued.expires_at,
            )
        )
        return self._pair(user_id, login_id, issued.text)

    def _pair(self, user_id: UUID, login_id: UUID, refresh_token: str) -> TokenPair:
        return TokenPair(
            access_token=self.tokens.issue_access(user_id=user_id, login_id=login_id),
            refresh_token=refresh_token,
            expires_in=int(self.tokens.access_lifetime.total_seconds()),
            refresh_expires_in=int(self.tokens.refresh_lifetime.total_seconds()),
        )


def canonical(email: str) -> str:
    """The address as registration would have stored it, or as it is when it is none."""
    try:
        return validate_email(email)[1]
    except PydanticCustomError:
        return email


def refuse_email_as_password(email: str, password: str) -> None:
    """The first password that anybody would try.

    Raises:
        InvalidError: It is the address.
    """
    if password.strip().casefold() == email.casefold():
        raise InvalidError("The password must not be the e-mail address.", code="password-is-email")


def wrong_credentials() -> NotAuthenticatedError:
    """The one answer to every failed login, whatever was wrong with it."""
    return NotAuthenticatedError(
        "The e-mail address or the password is wrong.", code="login-failed"
    )


def account_gone() -> NotAuthenticatedError:
    """A token outlives its account by minutes; whoever writes with it is nobody any more."""
    return NotAuthenticatedError("This account has been deleted.", code="account-gone")
