"""The statements that create an account."""

from sqlalchemy import CTE, FromClause, LargeBinary, Text, bindparam, literal_column, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from todo.accounts.models import Invite, InviteUse, User
from todo.sql import NOW, OWNER, insert_once


def creation(turn: FromClause) -> CTE:
    """Create an account; `document` and `revision` are the content of its response."""
    return _shown(_made(turn))


def invited_creation(turn: FromClause) -> CTE:
    """The same, and use an invite up.

    Without a valid invite its id is NULL, and one that was used has a row: the statement then
    breaks a constraint of `invite_uses`, and does nothing.
    """
    invite = (
        select(col(Invite.id))
        .where(
            col(Invite.token_hash) == bindparam("invite_hash", type_=LargeBinary),
            col(Invite.expires_at) > NOW,
            or_(
                col(Invite.email_folded).is_(None),
                col(Invite.email_folded) == bindparam("email_folded", type_=Text),
            ),
        )
        .scalar_subquery()
    )
    used = (
        insert(InviteUse)
        .from_select(["invite_id", "used_at"], select(invite, NOW).select_from(_made(turn)))
        .returning(col(InviteUse.invite_id))
        .cte("used")
    )
    return _shown(used)


def _made(turn: FromClause) -> CTE:
    given = {
        "id": OWNER,
        "email": bindparam("email", type_=Text),
        "email_folded": bindparam("email_folded", type_=Text),
        "name": bindparam("name", type_=Text),
        "password_hash": bindparam("password_hash", type_=Text),
        "password_version": literal_column("0"),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return insert_once(User, given, turn).returning(col(User.id)).cte("made")


def _shown(rows: CTE) -> CTE:
    shown = (bindparam(name, type_=Text).label(name) for name in ("document", "revision"))
    return select(*shown).select_from(rows).cte("created")
