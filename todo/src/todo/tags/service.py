"""What can be done with tags. Every function works in the caller's transaction."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import ARRAY, Text, any_, func, literal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import Select, SelectOfScalar

from todo.errors import ConflictError, NotAuthenticatedError, NotFoundError
from todo.models import new_id, utc_now
from todo.paging import Position
from todo.revisions import Revisions, refuse_if_changed
from todo.tags.models import DEFAULT_COLOR, NAME_CONSTRAINT, OWNER_CONSTRAINT, Tag, TaskTag, fold
from wellhead import Reader


class TagChanges(TypedDict, total=False):
    """The fields to change."""

    name: str
    color: str


async def create(session: AsyncSession, *, owner_id: UUID, name: str, color: str) -> Tag:
    """Make a tag.

    Raises:
        ConflictError: The user has a tag of that name, in whatever case.
        NotAuthenticatedError: The account is gone.
    """
    tag = Tag(user_id=owner_id, name=name, name_folded=fold(name), color=color)
    session.add(tag)
    await _flush(session, name)
    return tag


def list_statement(*, owner_id: UUID, after: Position | None, limit: int) -> Select[Tag, Any]:
    """The query for at most `limit` of a user's tags, each with its number of tasks."""
    # Counted per row, and not by a join and GROUP BY, so that only the tags of the page count.
    tasks = (
        select(func.count()).where(col(TaskTag.tag_id) == col(Tag.id)).correlate(Tag)
    ).scalar_subquery()
    statement = select(Tag, tasks).where(col(Tag.user_id) == owner_id)
    if after is not None:
        statement = statement.where(col(Tag.name_folded) > after.value)
    return statement.order_by(col(Tag.name_folded)).limit(limit)


async def page(
    reader: Reader, *, owner_id: UUID, after: Position | None, limit: int
) -> tuple[list[tuple[Tag, int]], Position | None]:
    """A page of a user's tags in the order of their names, each with its number of tasks.

    Returns:
        The tags with their counts, and where the next page starts, or None after the last.
    """
    statement = list_statement(owner_id=owner_id, after=after, limit=limit + 1)
    rows = [(tag, tasks) for tag, tasks in (await reader.exec(statement)).all()]
    last = rows[limit - 1][0] if len(rows) > limit else None
    return rows[:limit], None if last is None else Position(last.name_folded, last.id)


async def get(reader: Reader, *, owner_id: UUID, tag_id: UUID) -> Tag:
    """One of a user's tags.

    Raises:
        NotFoundError: There is none, or it is another user's.
    """
    return _found((await reader.exec(_one(owner_id, tag_id))).one_or_none())


async def update(
    session: AsyncSession,
    *,
    owner_id: UUID,
    tag_id: UUID,
    changes: TagChanges,
    expected: Revisions | None = None,
) -> Tag:
    """Change what `changes` holds.

    Raises:
        NotFoundError: There is none, or it is another user's.
        PreconditionFailedError: Its revision is not among the expected ones.
        ConflictError: The user has another tag of that name.
    """
    tag = await _locked(session, owner_id, tag_id, expected)
    if "name" in changes:
        tag.name, tag.name_folded = changes["name"], fold(changes["name"])
    if "color" in changes:
        tag.color = changes["color"]
    if session.is_modified(tag):
        tag.updated_at = utc_now()
        await _flush(session, tag.name)
    return tag


async def remove(
    session: AsyncSession, *, owner_id: UUID, tag_id: UUID, expected: Revisions | None = None
) -> None:
    """Delete a tag, and take it off every task.

    Raises:
        NotFoundError: There is none, or it is another user's.
        PreconditionFailedError: Its revision is not among the expected ones.
    """
    await session.delete(await _locked(session, owner_id, tag_id, expected))
    await session.flush()


async def hold(session: AsyncSession, *, owner_id: UUID, tag_id: UUID) -> Tag:
    """One of a user's tags, which nobody can delete or rename until the transaction ends.

    Raises:
        NotFoundError: There is none, or it is another user's.
    """
    statement = _one(owner_id, tag_id).with_for_update(read=True)
    return _found((await session.exec(statement)).one_or_none())


async def ensure(session: AsyncSession, *, owner_id: UUID, names: Sequence[str]) -> list[Tag]:
    """The user's tags of these names, in their order; those that do not exist yet are made.

    Until the transaction ends nobody can delete them. A tag that somebody else makes at the same
    moment is no conflict: it is used. One query when all exist, two otherwise.

    Raises:
        NotAuthenticatedError: The account is gone.
    """
    wanted = {fold(name): name for name in names}
    if not wanted:
        return []
    statement = (
        select(Tag)
        .where(
            col(Tag.user_id) == owner_id,
            col(Tag.name_folded) == any_(literal(list(wanted), ARRAY(Text))),
        )
        .with_for_update(read=True, key_share=True)
    )
    found = {tag.name_folded: tag for tag in (await session.exec(statement)).all()}
    missing = {folded: name for folded, name in wanted.items() if folded not in found}
    for tag in await _upsert(session, owner_id, missing) if missing else []:
        found[tag.name_folded] = tag
    return [found[folded] for folded in sorted(wanted)]


async def _upsert(session: AsyncSession, owner_id: UUID, names: Mapping[str, str]) -> list[Tag]:
    now = utc_now()
    rows = [
        {
            "id": new_id(),
            "user_id": owner_id,
            "name": names[folded],
            "name_folded": folded,
            "color": DEFAULT_COLOR,
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }
        for folded in sorted(names)  # One order for all: two requests never wait for each other.
    ]
    statement = insert(Tag).values(rows)
    statement = statement.on_conflict_do_update(
        constraint=NAME_CONSTRAINT, set_={"name_folded": statement.excluded.name_folded}
    )
    try:
        result = await session.exec(statement.returning(Tag))
    except IntegrityError as error:
        raise _explained(error, "") from error
    return list(result.scalars())


async def _locked(
    session: AsyncSession, owner_id: UUID, tag_id: UUID, expected: Revisions | None
) -> Tag:
    statement = _one(owner_id, tag_id).with_for_update()
    tag = _found((await session.exec(statement)).one_or_none())
    refuse_if_changed(tag.revision, expected)
    return tag


def _one(owner_id: UUID, tag_id: UUID) -> SelectOfScalar[Tag]:
    return select(Tag).where(col(Tag.id) == tag_id, col(Tag.user_id) == owner_id)


def _found(tag: Tag | None) -> Tag:
    if tag is None:
        raise NotFoundError("You have no tag with this id.", code="tag-not-found")
    return tag


async def _flush(session: AsyncSession, name: str) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        raise _explained(error, name) from error


def _explained(error: IntegrityError, name: str) -> Exception:
    text = str(error.orig)
    if NAME_CONSTRAINT in text:
        return ConflictError(f"You already have a tag named {name!r}.", code="tag-name-taken")
    if OWNER_CONSTRAINT in text:
        return NotAuthenticatedError("This account is gone.", code="account-gone")
    return error
