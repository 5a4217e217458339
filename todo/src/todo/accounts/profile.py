"""Changes of an account's name and e-mail address."""

from sqlalchemy import Boolean, Integer, Text, bindparam, case, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from todo.accounts.credentials import account_gone, refuse_email_as_password
from todo.accounts.models import PasswordReset, User
from todo.accounts.registration import explain
from todo.accounts.schemas import AccountChanges, AccountRead
from todo.accounts.service import Accounts
from todo.accounts.tokens import AccessToken
from todo.errors import InvalidError
from todo.models import utc_now
from todo.sql import NOW, OWNER
from todo.text import fold_email
from wellhead import compiled

_EMAIL = bindparam("email", type_=Text)
_SETS_NAME = bindparam("sets_name", type_=Boolean)
_PROVED = bindparam("proved_version", type_=Integer)
_SHOWN = [col(getattr(User, name)) for name in AccountRead.model_fields]

_changed = (
    update(User)
    .where(
        col(User.id) == OWNER,
        # The password may have been changed since it was proved.
        or_(_PROVED.is_(None), col(User.password_version) == _PROVED),
    )
    .values(
        name=case((_SETS_NAME, bindparam("name", type_=Text)), else_=col(User.name)),
        email=func.coalesce(_EMAIL, col(User.email)),
        email_folded=func.coalesce(bindparam("email_folded", type_=Text), col(User.email_folded)),
        updated_at=NOW,
    )
    .returning(*_SHOWN)
    .cte("changed")
)
# Links that were mailed to the old address end with it.
_ended = (
    delete(PasswordReset)
    .where(_EMAIL.is_not(None), col(PasswordReset.user_id).in_(select(_changed.c.id)))
    .cte("ended")
)

CHANGE = compiled(select(_changed).add_cte(_ended), into=AccountRead, is_repeatable=True)
"""Change the name, the e-mail address, or both."""


async def change(
    accounts: Accounts,
    token: AccessToken,
    *,
    changes: AccountChanges,
    password: str | None,
    address: str | None,
) -> AccountRead:
    """Change the fields in `changes`; another e-mail address needs the password.

    Raises:
        ConflictError: The e-mail address has another account.
        ForbiddenError: The password is wrong.
        InvalidError: The password is missing, or is the new e-mail address.
        NotAuthenticatedError: The account has been deleted since the token was issued.
        TooManyAttemptsError: The account or the client has used up its tries.
    """
    email = changes.get("email")
    if email is None or email == (await accounts.get(token.user_id)).email:
        changed = await _store(accounts, token, changes)
        if changed is None:
            raise account_gone()
        return changed
    if password is None:
        raise InvalidError(
            "A change of the e-mail address needs current_password.", code="password-required"
        )
    refuse_email_as_password(email, password)
    while True:
        user = await accounts.prove(token, password, address)
        changed = await _store(accounts, token, changes, proved=user)
        if changed is not None:
            accounts.notices.email_changed(old=user.email)
            return changed


async def _store(
    accounts: Accounts, token: AccessToken, changes: AccountChanges, *, proved: User | None = None
) -> AccountRead | None:
    # The address of an account whose password was not proved is not touched.
    email = None if proved is None else changes.get("email")
    values = {
        "email": email,
        "email_folded": None if email is None else fold_email(email),
        "proved_version": None if proved is None else proved.password_version,
    }
    try:
        return await CHANGE.one_or_none(
            accounts.database,
            owner_id=token.user_id,
            sets_name="name" in changes,
            name=changes.get("name"),
            now=utc_now(),
            **values,
        )
    except IntegrityError as error:
        explain(error, values)
