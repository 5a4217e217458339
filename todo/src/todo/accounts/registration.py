"""New accounts: their values, and the statements that create them."""

from typing import NoReturn

from sqlalchemy.exc import IntegrityError

from todo.accounts.known_networks import KNOWN_FOR
from todo.accounts.models import EMAIL_INDEX, InviteUse
from todo.accounts.passwords import Passwords
from todo.accounts.schemas import AccountRead
from todo.accounts.sql import creation, invited_creation
from todo.errors import ConflictError, ForbiddenError
from todo.idempotency.creation import Created, Creation, Values
from todo.models import new_id, utc_now
from todo.text import fold_email
from wellhead import Database


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
        network_hash: The network that its owner is in; None if it is made by someone else.
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
