"""What the operator does with accounts: add, list, give a new password, delete."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, Text, Uuid, bindparam, delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from todo.accounts.credentials import canonical, refuse_email_as_password
from todo.accounts.models import User
from todo.accounts.passwords import Passwords
from todo.accounts.registration import CREATION, explain, new_account
from todo.accounts.reset import replace_password
from todo.text import fold_email
from wellhead import Database, compiled

PAGE_SIZE = 1000


@dataclass(frozen=True, slots=True)
class ListedAccount:
    """An account as the operator sees it."""

    id: UUID
    email: str
    name: str | None
    created_at: datetime


_LISTED = [col(getattr(User, name)) for name in ListedAccount.__slots__]

FIND = compiled(
    select(*_LISTED).where(col(User.email_folded) == bindparam("email_folded", type_=Text)),
    into=ListedAccount,
)

PAGE = compiled(
    select(*_LISTED).order_by(col(User.id)).limit(bindparam("limit", type_=Integer)),
    into=ListedAccount,
    optional=[col(User.id) > bindparam("after", type_=Uuid)],
)

DELETE = compiled(
    delete(User).where(col(User.id) == bindparam("user_id", type_=Uuid)), is_repeatable=True
)


async def add_account(
    database: Database, passwords: Passwords, *, email: str, password: str, name: str | None
) -> UUID:
    """Create an account, also if registration is closed, and return its id.

    Raises:
        ConflictError: The address has an account.
        InvalidError: The password is the address.
    """
    refuse_email_as_password(email, password)
    values = await new_account(passwords, email=email, password=password, name=name)
    try:
        await CREATION.plain.one_or_none(database, **values)
    except IntegrityError as error:
        explain(error, values)
    found: UUID = values["owner_id"]
    return found


async def find_account(database: Database, email: str) -> ListedAccount | None:
    """The account of an address, however it is spelled; None if there is none."""
    # A command line can contain what is no text.
    address = canonical(email.encode(errors="replace").decode())
    return await FIND.one_or_none(database, email_folded=fold_email(address))


async def all_accounts(
    database: Database, *, page_size: int = PAGE_SIZE
) -> AsyncIterator[ListedAccount]:
    """Every account, oldest first; read a page at a time."""
    last: UUID | None = None
    while True:
        page = await PAGE.all(database, after=last, limit=page_size)
        for account in page:
            yield account
        if len(page) < page_size:
            return
        last = page[-1].id


async def set_password(
    database: Database, passwords: Passwords, account: ListedAccount, password: str
) -> None:
    """Replace a password, and end every login, API token and mailed link of the account.

    Raises:
        InvalidError: The password is the address.
    """
    refuse_email_as_password(account.email, password)
    new_hash = await passwords.hash(password)
    await database.run(
        lambda session: replace_password(session, account.id, new_hash), is_repeatable=True
    )


async def delete_account(database: Database, account: ListedAccount) -> None:
    """Delete an account with its logins, tasks and tags."""
    await DELETE.all(database, user_id=account.id)
