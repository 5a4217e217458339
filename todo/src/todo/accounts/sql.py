"""The statement that creates an account."""

from sqlalchemy import CTE, FromClause, Text, bindparam, literal_column, select
from sqlmodel import col

from todo.accounts.models import User
from todo.sql import NOW, OWNER, insert_once


def creation(turn: FromClause) -> CTE:
    """Create an account; `document` and `revision` are the content of its response."""
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
    made = insert_once(User, given, turn).returning(col(User.id)).cte("made")
    shown = (bindparam(name, type_=Text).label(name) for name in ("document", "revision"))
    return select(*shown).select_from(made).cte("created")
