"""A new password for an account whose owner knows the present one."""

from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.credentials import (
    ended,
    lock_with_password,
    refuse_email_as_password,
    store_hash,
)
from todo.accounts.models import Login, PasswordReset, User
from todo.accounts.new_login import NewLogin
from todo.accounts.schemas import TokenPair
from todo.accounts.service import Accounts
from todo.accounts.tokens import AccessToken
from wellhead import Database


async def change(
    accounts: Accounts,
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
        user = await accounts.prove(token, current, address)
        refuse_email_as_password(user.email, new)
        new_hash = new_hash or await accounts.passwords.hash(new)
        network_hash = accounts.attempts.network_hashes(address)[0]
        login = accounts.new_login(user.id, network_hash, address, device)
        if await _change(accounts.database, login, user, new_hash):
            accounts.notices.password_changed(email=user.email)
            return login.pair


async def _change(database: Database, login: NewLogin, proved: User, new_hash: str) -> bool:
    async def change(session: AsyncSession) -> bool:
        # With the new login, this has been done before: its COMMIT got no reply.
        if not await lock_with_password(session, proved, or_with=login.id):
            return False
        await store_hash(session, proved.id, new_hash)
        await session.exec(ended(proved.id, Login, PasswordReset))
        await login.store(session)
        return True

    return await database.run(change, is_repeatable=True)
