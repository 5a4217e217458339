"""The end of an account, with everything in it."""

from sqlalchemy import delete as delete_from
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.models import User
from todo.accounts.service import Accounts
from todo.accounts.tokens import AccessToken
from wellhead import Database


async def delete(
    accounts: Accounts, token: AccessToken, *, password: str, address: str | None
) -> None:
    """Delete the account with its logins, tasks and tags.

    Raises:
        ForbiddenError: The password is wrong.
        NotAuthenticatedError: The account has been deleted already.
        TooManyAttemptsError: The account or the client has used up its tries.
    """
    while not await _delete(accounts.database, await accounts.prove(token, password, address)):
        pass


async def _delete(database: Database, proved: User) -> bool:
    of_user = col(User.id) == proved.id
    deleted = delete_from(User).where(
        of_user, col(User.password_version) == proved.password_version
    )

    async def remove(session: AsyncSession) -> bool:
        if (await session.exec(deleted)).rowcount:
            return True
        return (await session.exec(select(User.id).where(of_user))).first() is None

    return await database.run(remove, is_repeatable=True)
