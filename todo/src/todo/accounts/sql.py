"""The statements that create an account, in a network where its owner is expected again."""

from sqlalchemy import CTE, FromClause, LargeBinary, Text, bindparam, literal_column, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from todo.accounts.models import Invite, InviteUse, KnownNetwork, User
from todo.models import TIMESTAMP
from todo.sql import NOW, OWNER, insert_once


def creation(turn: FromClause) -> CTE:
    """Create an account; `document` and `revision` are the content of its response."""
    made = _made(turn)
    return _shown(made, made)


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
    made = _made(turn)
    used = (
        insert(InviteUse)
        .from_select(["invite_id", "used_at"], select(invite, NOW).select_from(made))
        .returning(col(InviteUse.invite_id))
        .cte("used")
    )
    return _shown(used, made)


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


def _shown(rows: CTE, made: CTE) -> CTE:
    shown = (bindparam(name, type_=Text).label(name) for name in ("document", "revision"))
    return select(*shown).select_from(rows).add_cte(_known(made)).cte("created")


def _known(made: CTE) -> CTE:
    network = bindparam("network_hash", type_=LargeBinary)
    row = {
        "user_id": made.c.id,
        "network_hash": network,
        "expires_at": bindparam("known_until", type_=TIMESTAMP),
    }
    known = select(*row.values()).select_from(made).where(network.is_not(None))
    return insert(KnownNetwork).from_select(list(row), known).cte("known")
