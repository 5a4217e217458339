"""The statement that makes an account."""

from sqlalchemy import CTE, FromClause, Text, Uuid, bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from todo.accounts.models import User
from todo.models import TIMESTAMP


def creation(turn: FromClause) -> CTE:
    """Make an account; `document` and `revision` are what its response shows."""
    now = bindparam("now", type_=TIMESTAMP)
    given = {
        "id": bindparam("owner_id", type_=Uuid),
        "email": bindparam("email", type_=Text),
        "name": bindparam("name", type_=Text),
        "password_hash": bindparam("password_hash", type_=Text),
        "created_at": now,
        "updated_at": now,
    }
    made = (
        insert(User)
        .from_select(list(given), select(*given.values()).select_from(turn))
        # Done again after a first time that nobody answered, it is done already.
        .on_conflict_do_nothing(index_elements=[col(User.id)])
        .returning(col(User.id))
        .cte("made")
    )
    shown = (bindparam(name, type_=Text).label(name) for name in ("document", "revision"))
    return select(*shown).select_from(made).cte("created")
