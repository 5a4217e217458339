"""What proves whose account it is: addresses and passwords, refused, compared and replaced."""

from uuid import UUID

from pydantic import validate_email
from pydantic_core import PydanticCustomError
from sqlalchemy import Delete, delete, exists, or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from todo.accounts.models import ApiToken, Login, PasswordReset, User
from todo.errors import InvalidError, NotAuthenticatedError
from todo.models import utc_now
from todo.text import fold_email


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


async def store_hash(session: AsyncSession, user_id: UUID, password_hash: str) -> None:
    """Change the password of an account."""
    changed = update(User).where(col(User.id) == user_id)
    version = col(User.password_version) + 1
    await session.exec(
        changed.values(password_hash=password_hash, password_version=version, updated_at=utc_now())
    )


def ended(
    user_id: UUID, table: type[Login], *others: type[ApiToken] | type[PasswordReset]
) -> Delete:
    """One statement that deletes what opens an account."""
    statement = delete(table).where(col(table.user_id) == user_id)
    for each in others:
        gone = delete(each).where(col(each.user_id) == user_id)
        statement = statement.add_cte(gone.cte(f"ended_{each.__tablename__}"))
    return statement


def wrong_credentials() -> NotAuthenticatedError:
    """The same response to every failed login, whatever was wrong with it."""
    return NotAuthenticatedError(
        "The e-mail address or the password is wrong.", code="login-failed"
    )


def account_gone() -> NotAuthenticatedError:
    """A token outlives its account by minutes; a write with it has no owner."""
    return NotAuthenticatedError("This account has been deleted.", code="account-gone")
