"""The statement that exchanges a refresh token: all that may happen to it, in one round trip.

It locks the login, so that of two exchanges at once the second sees what the first has done:

- The current token becomes a spent one, and the next token the current one.
- A token that was spent a moment ago leads to the current one: another tab was faster, or the first
  response was lost.
- Any other token is used by another person, too, and the login ends.

Its values are those of the request, so it may be sent again after a first time without a reply.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Interval,
    LargeBinary,
    Uuid,
    and_,
    bindparam,
    case,
    delete,
    false,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import array
from sqlmodel import col

from todo.accounts.models import Login
from todo.models import TIMESTAMP
from todo.sql import NOW
from wellhead import Query, compiled

MOST_SPENT = 64
"""How many spent tokens of a login are remembered; more are exchanged in a minute by no client."""

_FIRST = literal_column("1", Integer)


@dataclass(slots=True)
class Exchange:
    """What came of a refresh token.

    Attributes:
        is_over: Whether the login has ended.
        hashes: The hashes of the tokens that follow the given one, latest first.
        issued_at: When the latest was made.
    """

    is_over: bool
    hashes: list[bytes]
    issued_at: datetime


@cache
def exchange() -> Query[Exchange]:
    """Exchange a refresh token; no result if its login has ended before."""
    given = bindparam("given", type_=LargeBinary)
    following = bindparam("following", type_=LargeBinary)
    spent_since = bindparam("spent_since", type_=TIMESTAMP)
    seen = (
        select(
            col(Login.id),
            col(Login.token_hash),
            col(Login.spent_hashes),
            col(Login.spent_at),
            func.array_position(col(Login.spent_hashes), given).label("place"),
            (col(Login.expires_at) > NOW).label("is_alive"),
        )
        .where(col(Login.id) == bindparam("login_id", type_=Uuid))
        .with_for_update()
        .cte("seen")
    )
    is_current = and_(seen.c.is_alive, seen.c.token_hash == given)
    was_current = and_(seen.c.is_alive, seen.c.spent_at[seen.c.place] >= spent_since)
    goes_on = func.coalesce(or_(is_current, was_current), false())
    # The clocks of two hosts differ: what is spent later is never stored as spent earlier.
    issued_at = func.greatest(NOW, seen.c.spent_at[_FIRST], type_=TIMESTAMP)
    times = func.unnest(seen.c.spent_at).column_valued("spent")
    recent = select(func.count()).where(times >= spent_since).scalar_subquery()
    kept = func.least(recent, literal_column(str(MOST_SPENT - 1)))
    changed = (
        update(Login)
        .where(col(Login.id) == seen.c.id, is_current)
        .values(
            token_hash=following,
            spent_hashes=_before(seen.c.token_hash, seen.c.spent_hashes[_FIRST:kept]),
            spent_at=_before(issued_at, seen.c.spent_at[_FIRST:kept]),
            last_used_at=NOW,
            expires_at=issued_at + bindparam("lifetime", type_=Interval),
        )
        .cte("changed")
    )
    ended = delete(Login).where(col(Login.id) == seen.c.id, ~goes_on).cte("ended")
    since = seen.c.spent_hashes[_FIRST : seen.c.place - _FIRST]
    return compiled(
        select(
            (~goes_on).label("is_over"),
            case(
                (is_current, array([following])),
                else_=_before(seen.c.token_hash, since),
            ).label("hashes"),
            case((is_current, issued_at), else_=seen.c.spent_at[_FIRST]).label("issued_at"),
        ).add_cte(changed, ended),
        into=Exchange,
        is_repeatable=True,
    )


def _before(first: ColumnElement[Any], others: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.array_prepend(first, others, type_=others.type)
