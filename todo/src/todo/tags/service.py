"""The operations on tags, in one statement and one round trip each."""

from collections.abc import Sequence
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from todo.chosen_ids import id_taken
from todo.database import decided
from todo.errors import ConflictError, NotAuthenticatedError, NotFoundError
from todo.idempotency.creation import Created, Creation, Values
from todo.models import new_id, utc_now
from todo.paging import Position
from todo.revisions import Revisions, accepted_by
from todo.tags import sql
from todo.tags.models import ID_CONSTRAINT, NAME_CONSTRAINT, OWNER_CONSTRAINT, fold
from todo.tags.sql import ListedTag, TagRow
from wellhead import Database


class TagChanges(TypedDict, total=False):
    """The fields to change."""

    name: str
    color: str


def new_tag(*, owner_id: UUID, tag_id: UUID | None, name: str, color: str) -> Values:
    """The values for `CREATION`, or for `CREATION_BY_ID` if the client has chosen an id."""
    return {
        "owner_id": owner_id,
        "now": utc_now(),
        "tag_id": tag_id or new_id(),
        "name": name,
        "name_folded": fold(name),
        "color": color,
    }


def values_of_names(names: Sequence[str]) -> dict[str, Any]:
    """The tags of these names as the values of a statement that creates the missing ones."""
    wanted = {fold(name): name for name in names}
    return {
        "tag_ids": [new_id() for _ in wanted],
        "tag_names": list(wanted.values()),
        "tag_folded": list(wanted),
    }


async def page(
    database: Database, *, owner_id: UUID, after: Position | None, limit: int
) -> tuple[list[ListedTag], Position | None]:
    """A page of a user's tags ordered by name, each with its number of tasks.

    Returns:
        The tags, and where the next page starts, or None after the last.
    """
    name = None if after is None else after.value
    # One more than the page size tells whether there is a next page.
    tags = await sql.PAGE.all(database, owner_id=owner_id, after=name, limit=limit + 1)
    last = tags[limit - 1] if len(tags) > limit else None
    return tags[:limit], None if last is None else Position(last.name_folded, last.id)


async def get(database: Database, *, owner_id: UUID, tag_id: UUID) -> TagRow:
    """One of a user's tags.

    Raises:
        NotFoundError: There is none, or it is another user's.
    """
    tag = await sql.READ.one_or_none(database, owner_id=owner_id, tag_id=tag_id)
    if tag is None:
        raise tag_not_found()
    return tag


async def update(
    database: Database,
    *,
    owner_id: UUID,
    tag_id: UUID,
    changes: TagChanges,
    expected: Revisions | None = None,
) -> TagRow:
    """Change the fields in `changes`.

    Raises:
        NotFoundError: There is none, or it is another user's.
        PreconditionFailedError: Its revision is not among the expected ones.
        ConflictError: The user has another tag with that name.
        CommitUnknownError: It is unknown whether it was changed.
    """
    accepted = accepted_by(expected)
    name = changes.get("name")
    values = {
        "owner_id": owner_id,
        "tag_id": tag_id,
        "name": name,
        "name_folded": None if name is None else fold(name),
        "color": changes.get("color"),
        "now": utc_now(),
        "expected": accepted,
    }
    return await decided(
        lambda: sql.CHANGE.one_or_none(database, **values),
        missing=tag_not_found,
        is_repeatable=accepted is None,
        explain=lambda error: _explain(error, values),
    )


async def remove(
    database: Database, *, owner_id: UUID, tag_id: UUID, expected: Revisions | None = None
) -> None:
    """Delete a tag, and take it off every task.

    Raises:
        NotFoundError: There is none, or it is another user's.
        PreconditionFailedError: Its revision is not among the expected ones.
        CommitUnknownError: It is unknown whether it was deleted.
    """
    values = {"owner_id": owner_id, "tag_id": tag_id, "expected": accepted_by(expected)}
    await decided(lambda: sql.DELETE.one_or_none(database, **values), missing=tag_not_found)


def _explain(error: IntegrityError, values: Values) -> None:
    """Raise what a constraint violation means; return if the same statement may succeed."""
    text = str(error.orig)
    if ID_CONSTRAINT in text:
        return  # The id was taken since the statement looked.
    if NAME_CONSTRAINT in text:
        message = f"You already have a tag named {values['name']!r}."
        raise ConflictError(message, code="tag-name-taken") from error
    if OWNER_CONSTRAINT in text:
        raise NotAuthenticatedError("This account is gone.", code="account-gone") from error
    raise error


async def _find(database: Database, values: Values) -> Created:
    tag = await get(database, owner_id=values["owner_id"], tag_id=values["tag_id"])
    return Created(tag.document, tag.revision)


CREATION = Creation(sql.creation, find=_find, explain=_explain)
"""Creates a tag from the values of `new_tag`."""

CREATION_BY_ID = Creation(sql.creation_by_id, find=None, explain=_explain, taken=id_taken)
"""The same for an id that the client has chosen."""


def tag_not_found() -> NotFoundError:
    """There is no such tag, or it is another user's."""
    return NotFoundError("You have no tag with this id.", code="tag-not-found")
