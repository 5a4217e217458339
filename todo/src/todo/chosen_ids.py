"""Ids of new objects that clients choose, so that they can name what the server has not yet seen.

A taken id is refused in the same way, no matter which account has it. That discloses nothing: ids
are random, so only a client that knows one can ask for it, and it opens no other account's object.
"""

import re
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from sqlalchemy import CTE, ColumnElement, FromClause, exists, select
from sqlmodel import SQLModel

from todo.errors import ConflictError

_PATTERN = (
    "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[47][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"
)
_FORM = re.compile(_PATTERN)


def _is_random(value: object) -> object:
    if isinstance(value, str) and _FORM.fullmatch(value):
        return value
    raise PydanticCustomError(
        "chosen_id",
        "Must be a UUID of version 4 or 7, such as 01900000-0000-7000-8000-000000000000",
    )


ChosenId = Annotated[
    UUID,
    BeforeValidator(_is_random),
    WithJsonSchema({"type": "string", "format": "uuid", "pattern": _PATTERN}),
]
"""A UUID of version 4 or 7: random enough that nobody else chooses it."""

CHOSEN_ID = "An id of your own, new for each object; without one the server chooses."
"""What the member is."""


def if_free(turn: FromClause, chosen: ColumnElement[UUID], *tables: type[SQLModel]) -> CTE:
    """The rows of `turn`; none if one of these tables has a row with the chosen id."""
    ids = [table.__table__.c.id for table in tables]  # type: ignore[attr-defined]
    free = (~exists().where(each == chosen) for each in ids)
    return select(turn).where(*free).cte("free")


def id_taken() -> ConflictError:
    """An object has the chosen id, or had it before it was deleted."""
    return ConflictError("This id is taken, or was; choose another one.", code="id-taken")
