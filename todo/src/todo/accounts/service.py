"""The accounts of an application, without HTTP: register, log in and out, refresh, prove.

Passwords are hashed between transactions, never inside one: no connection is held during that time.
Random values are chosen before a transaction, so that each may run again, even after a COMMIT
without a reply, with the same result.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import delete, exists
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.attempts import Attempts, network
from todo.accounts.credentials import (
    account_gone,
    canonical,
    lock_with_password,
    refuse_email_as_password,
    renew_hash,
    wrong_credentials,
)
from todo.accounts.exchange import exchange
from todo.accounts.models import KnownNetwork, Login, User
from todo.accounts.new_login import NewLogin
from todo.accounts.notices import Notices
from todo.accounts.passwords import Passwords
from todo.accounts.registration import CREATION, INVITED, new_account
from todo.accounts.schemas import TokenPair
from todo.accounts.secret_tokens import hash_of
from todo.accounts.tokens import AccessToken, IssuedRefreshToken, Tokens
from todo.errors import ForbiddenError, NotAuthenticatedError
from todo.idempotency.creation import Creation, Values
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
            login = self.new_login(user.id, networks[0], address, device)
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

    async def _start(self, login: NewLogin, proved: User, *, new_hash: str | None) -> bool:
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

    def new_login(
        self, user_id: UUID, network_hash: bytes, address: str | None, device: str | None
    ) -> NewLogin:
        """A login of a user, with its tokens, that is not stored yet."""
        login_id = new_id()
        issued = self.tokens.issue_refresh(user_id=user_id, login_id=login_id)
        pair = self._pair(user_id, login_id, issued)
        return NewLogin(user_id, login_id, issued, pair, network_hash, network(address), device)

    def _pair(self, user_id: UUID, login_id: UUID, refresh: IssuedRefreshToken) -> TokenPair:
        left = refresh.expires_at - self.tokens.now()
        return TokenPair(
            access_token=self.tokens.issue_access(user_id=user_id, login_id=login_id),
            refresh_token=refresh.text,
            expires_in=int(self.tokens.access_lifetime.total_seconds()),
            refresh_expires_in=math.ceil(left.total_seconds()),
        )
