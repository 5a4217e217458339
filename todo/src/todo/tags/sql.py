"""The statements about one tag and lists of tags, each compiled once; a write is one statement."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Integer,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    delete,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import Insert
from sqlmodel import col

from todo.chosen_ids import if_free
from todo.documents import etag_of, moment, quoted
from todo.sql import (
    NOW,
    OWNER,
    Columns,
    Deletion,
    deletion,
    insert_once,
    insert_row,
    is_expected,
    text_of,
)
from todo.sync.models import DeletedTag
from todo.tags.models import Tag, TaskTag
from wellhead import compiled


@dataclass(slots=True)
class TagRow:
    """A tag as it is shown.

    Attributes:
        document: Its JSON, as `schemas.TagRead` describes it.
        revision: Identifies this state; changes with everything that a client can see.
    """

    document: str
    revision: str


@dataclass(slots=True)
class ListedTag:
    """A tag's document, with the number of tasks that carry it, and its place in the list."""

    document: str
    name_folded: str
    id: UUID


@dataclass(slots=True)
class ChangedTag(TagRow):
    """A tag after a change; the other fields have no meaning if that was not done.

    Attributes:
        is_expected: Whether the client knew the previous state.
        is_done: Whether the tag is as requested.
    """

    is_expected: bool
    is_done: bool


def document_of(tag: Columns, task_count: ColumnElement[int] | None = None) -> ColumnElement[str]:
    """The JSON of a tag, from its columns by name."""
    document: ColumnElement[str] = (
        text_of('{"id":"') + cast(tag["id"], Text)
        + text_of('","name":') + quoted(tag["name"])
        + text_of(',"color":"') + tag["color"]
        + text_of('","created_at":') + moment(tag["created_at"])
        + text_of(',"updated_at":') + moment(tag["updated_at"])
        + text_of(',"etag":') + etag_of(cast(tag["version"], Text))
    )  # fmt: skip
    if task_count is not None:
        document += text_of(',"task_count":') + cast(task_count, Text)
    return document + text_of("}")


def _shown(tag: Columns) -> Any:
    revision = cast(tag["version"], Text)
    return select(document_of(tag).label("document"), revision.label("revision"))


_PLAIN = ("id", "name", "color", "created_at", "updated_at", "version")
_TAG = {name: col(getattr(Tag, name)) for name in _PLAIN}
_ID = bindparam("tag_id", type_=Uuid)
_is_it = and_(col(Tag.id) == _ID, col(Tag.user_id) == OWNER)

READ = compiled(_shown(_TAG).where(_is_it), into=TagRow)
"""One of a user's tags."""

# Counted per row, and not by a join with GROUP BY, so that only the tags of the page count.
_task_count = (
    select(func.count()).where(col(TaskTag.tag_id) == col(Tag.id)).correlate(Tag).scalar_subquery()
)

OF_A_USER = (
    select(
        document_of(_TAG, _task_count).label("document"),
        col(Tag.name_folded),
        col(Tag.id),
    )
    .where(col(Tag.user_id) == OWNER)
    .order_by(col(Tag.name_folded))
    .limit(bindparam("limit", type_=Integer))
)
"""A user's tags ordered by name, each with its number of tasks."""

PAGE = compiled(
    OF_A_USER,
    into=ListedTag,
    optional=[col(Tag.name_folded) > bindparam("after", type_=Text)],
)
"""The same, after a name."""


def creation(turn: FromClause) -> CTE:
    """Create a tag; `document` and `revision` are the content of its response."""
    return _creation(turn, insert_once)


def creation_by_id(turn: FromClause) -> CTE:
    """The same under an id that the client has chosen; nothing if it is taken."""
    return _creation(if_free(turn, _ID, Tag, DeletedTag), insert_row)


def _creation(turn: FromClause, inserted: Callable[..., Insert]) -> CTE:
    given = {
        "id": _ID,
        "user_id": OWNER,
        "name": bindparam("name", type_=Text),
        "name_folded": bindparam("name_folded", type_=Text),
        "color": bindparam("color", type_=Text),
        "version": literal_column("1"),
        "created_at": NOW,
        "updated_at": NOW,
    }
    made = inserted(Tag, given, turn).returning(*_TAG.values()).cte("made")
    created: CTE = _shown(made.c).cte("created")
    return created


_expected = is_expected(cast(col(Tag.version), Text))
_name = func.coalesce(bindparam("name", type_=Text), col(Tag.name))
_color = func.coalesce(bindparam("color", type_=Text), col(Tag.color))
_differs = or_(col(Tag.name) != _name, col(Tag.color) != _color)
_seen = (
    select(*_TAG.values(), _expected.label("is_expected"), _differs.label("differs"))
    .where(_is_it)
    .cte("seen")
)
_changed = (
    update(Tag)
    .where(_is_it, _expected, _differs)
    .values(
        name=_name,
        name_folded=func.coalesce(bindparam("name_folded", type_=Text), col(Tag.name_folded)),
        color=_color,
        version=col(Tag.version) + literal_column("1"),
        updated_at=NOW,
    )
    .returning(*_TAG.values())
    .cte("changed")
)
_change = (
    _shown({name: func.coalesce(_changed.c[name], _seen.c[name]) for name in _PLAIN})
    .add_columns(
        _seen.c.is_expected.label("is_expected"),
        or_(_changed.c.id.is_not(None), and_(_seen.c.is_expected, ~_seen.c.differs)).label(
            "is_done"
        ),
    )
    .select_from(_seen.outerjoin(_changed, true()))
)

CHANGE = compiled(_change, into=ChangedTag)
"""Change fields."""

DELETE = compiled(
    deletion(
        select(col(Tag.id), _expected.label("is_expected")).where(_is_it).cte("seen"),
        delete(Tag).where(_is_it, _expected).returning(col(Tag.id)).cte("deleted"),
    ),
    into=Deletion,
)
"""Delete a tag, and take it off every task."""
