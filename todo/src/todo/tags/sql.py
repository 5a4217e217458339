"""What tags look like to the database: the statements about them, and how tasks show them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    FromClause,
    Integer,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    column,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlmodel import col

from todo.models import TIMESTAMP
from todo.tags.models import DEFAULT_COLOR, NAME_CONSTRAINT, Tag, TaskTag
from wellhead import compiled


@dataclass(frozen=True, slots=True)
class TagRow:
    """A tag as the statements show it."""

    id: UUID
    name: str
    color: str
    created_at: datetime
    updated_at: datetime
    version: int

    @property
    def revision(self) -> str:
        """What identifies this state of the tag; changes with everything a client can see."""
        return str(self.version)


@dataclass(frozen=True, slots=True)
class CountedTagRow(TagRow):
    """A tag, and how many tasks carry it."""

    name_folded: str
    task_count: int


@dataclass(frozen=True, slots=True)
class ChangedTag(TagRow):
    """A tag after a change; the rest means nothing where that was not done.

    Attributes:
        is_expected: Whether the client knew the state that was there before.
        is_done: Whether the tag is as it was wished.
    """

    is_expected: bool
    is_done: bool


@dataclass(frozen=True, slots=True)
class Deletion:
    """What became of the deletion of an object that was there.

    Attributes:
        is_expected: Whether the client knew the state that was there.
        is_done: Whether it is gone.
    """

    is_expected: bool
    is_done: bool


_PLAIN = ("id", "name", "color", "created_at", "updated_at", "version")
OWNER = bindparam("owner_id", type_=Uuid)
"""Whose tasks and tags."""

_ID = bindparam("tag_id", type_=Uuid)
_NOW = bindparam("now", type_=TIMESTAMP)

SHOWN = ("id", "name", "name_folded", "color", "version")
"""The columns of a tag that decide how a task shows it."""

EXPECTED = bindparam("expected", type_=ARRAY(Text))
"""The revisions that a client is content with; NULL stands for any."""


def text_of(value: str) -> ColumnElement[str]:
    """A fixed text, written into the statement and not sent with each use of it."""
    return literal_column(f"'{value}'", Text)


def is_expected(revision: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a revision is one of those that the client is content with."""
    return or_(EXPECTED.is_(None), revision == func.any(EXPECTED))


def tags_of(task_id: ColumnElement[Any]) -> Any:
    """The tags on a task, in no order."""
    return (
        select(*(getattr(Tag, name) for name in SHOWN))
        .join(TaskTag, col(TaskTag.tag_id) == col(Tag.id))
        .where(col(TaskTag.task_id) == task_id)
    )


def as_json(tags: FromClause) -> ColumnElement[str]:
    """All these tags as the members of a JSON array, in the order of their names."""
    member = (
        text_of('{"id":"') + cast(tags.c.id, Text)
        + text_of('","name":') + cast(func.to_json(tags.c.name), Text)
        + text_of(',"color":"') + tags.c.color + text_of('"}')
    )  # fmt: skip
    listed = func.string_agg(member, aggregate_order_by(text_of(","), tags.c.name_folded))
    return func.coalesce(listed, text_of(""))


def state_of(tags: FromClause) -> ColumnElement[str]:
    """What tells one state of these tags from another, while none is added to them.

    Tags are renamed and recoloured, which counts their version up, or deleted, which makes them
    fewer: so at one number of them they are the same ones, and then the sum of their versions
    only grows.
    """
    versions = func.coalesce(func.sum(tags.c.version), literal_column("0"))
    return cast(func.count(), Text) + text_of(".") + cast(versions, Text)


def ensured(turn: FromClause) -> tuple[CTE, CTE]:
    """The tags of the names that a request gives: those that exist, and those that are made.

    The names come folded in `tag_folded`, as they are in `tag_names`, with an id for each in
    `tag_ids`. Whoever makes some of the same at this moment makes them once: the later one takes
    the other's. All insert in one order, so that nobody waits for somebody who waits for them.
    """
    wanted = (
        func.unnest(
            bindparam("tag_ids", type_=ARRAY(Uuid)),
            bindparam("tag_names", type_=ARRAY(Text)),
            bindparam("tag_folded", type_=ARRAY(Text)),
        )
        .table_valued(column("id", Uuid), column("name", Text), column("name_folded", Text))
        .render_derived("wanted")
    )
    here = (
        select(*(getattr(Tag, name) for name in SHOWN))
        .where(
            col(Tag.user_id) == OWNER,
            col(Tag.name_folded) == func.any(bindparam("tag_folded", type_=ARRAY(Text))),
        )
        .cte("here")
    )
    missing = (
        select(
            wanted.c.id, OWNER, wanted.c.name, wanted.c.name_folded, text_of(DEFAULT_COLOR),
            literal_column("1"), _NOW, _NOW,
        )
        .select_from(wanted.join(turn, literal_column("true")))
        .where(~exists().where(here.c.name_folded == wanted.c.name_folded))
        .order_by(wanted.c.name_folded.collate("C"))
    )  # fmt: skip
    names = [
        "id", "user_id", "name", "name_folded", "color", "version", "created_at", "updated_at",
    ]  # fmt: skip
    inserted = insert(Tag).from_select(names, missing)
    made = (
        inserted.on_conflict_do_update(
            constraint=NAME_CONSTRAINT, set_={"name_folded": inserted.excluded.name_folded}
        )
        .returning(*(getattr(Tag, name) for name in SHOWN))
        .cte("made")
    )
    return here, made


_mine = select(*(getattr(Tag, name) for name in _PLAIN)).where(
    col(Tag.id) == _ID, col(Tag.user_id) == OWNER
)

READ = compiled(_mine, into=TagRow)
"""One of a user's tags."""

# Counted per row, and not by a join and GROUP BY, so that only the tags of the page count.
_task_count = (
    select(func.count()).where(col(TaskTag.tag_id) == col(Tag.id)).correlate(Tag).scalar_subquery()
)

OF_A_USER = (
    select(
        *(getattr(Tag, name) for name in _PLAIN),
        col(Tag.name_folded),
        _task_count.label("task_count"),
    )
    .where(col(Tag.user_id) == OWNER)
    .order_by(col(Tag.name_folded))
    .limit(bindparam("limit", type_=Integer))
)
"""A user's tags in the order of their names, each with its number of tasks."""

PAGE = compiled(
    OF_A_USER,
    into=CountedTagRow,
    optional=[col(Tag.name_folded) > bindparam("after", type_=Text)],
)
"""The same, or those after a name."""


def creation(turn: FromClause) -> CTE:
    """Make a tag; `body` and `revision` are what its response shows."""
    given = {
        "id": _ID,
        "user_id": OWNER,
        "name": bindparam("name", type_=Text),
        "name_folded": bindparam("name_folded", type_=Text),
        "color": bindparam("color", type_=Text),
        "version": literal_column("1"),
        "created_at": _NOW,
        "updated_at": _NOW,
    }
    made = (
        insert(Tag)
        .from_select(list(given), select(*given.values()).select_from(turn))
        # Done again after a first time that nobody answered, it is done already.
        .on_conflict_do_nothing(index_elements=[col(Tag.id)])
        .returning(col(Tag.id))
        .cte("made")
    )
    shown = (bindparam(name, type_=Text).label(name) for name in ("body", "revision"))
    return select(*shown).select_from(made).cte("created")


_revision = cast(col(Tag.version), Text)
_name = func.coalesce(bindparam("name", type_=Text), col(Tag.name))
_color = func.coalesce(bindparam("color", type_=Text), col(Tag.color))
_differs = or_(col(Tag.name) != _name, col(Tag.color) != _color)
_seen = (
    _mine.add_columns(
        is_expected(_revision).label("is_expected"), _differs.label("differs")
    ).cte("seen")
)  # fmt: skip
_changed = (
    update(Tag)
    .where(col(Tag.id) == _ID, col(Tag.user_id) == OWNER, is_expected(_revision), _differs)
    .values(
        name=_name,
        name_folded=func.coalesce(bindparam("name_folded", type_=Text), col(Tag.name_folded)),
        color=_color,
        version=col(Tag.version) + literal_column("1"),
        updated_at=_NOW,
    )
    .returning(*(getattr(Tag, name) for name in _PLAIN))
    .cte("changed")
)
_change = select(
    *(func.coalesce(_changed.c[name], _seen.c[name]).label(name) for name in _PLAIN),
    _seen.c.is_expected.label("is_expected"),
    or_(_changed.c.id.is_not(None), and_(_seen.c.is_expected, ~_seen.c.differs)).label("is_done"),
).select_from(_seen.outerjoin(_changed, true()))

CHANGE = {
    is_repeatable: compiled(_change, into=ChangedTag, is_repeatable=is_repeatable)
    for is_repeatable in (True, False)
}
"""Change fields; by whether it may be done twice."""


def deletion(seen: CTE, deleted: CTE) -> Any:
    """The columns of `Deletion`, of what was seen and what was deleted of it."""
    return select(
        seen.c.is_expected.label("is_expected"), deleted.c.id.is_not(None).label("is_done")
    ).select_from(seen.outerjoin(deleted, true()))


DELETE = compiled(
    deletion(
        _mine.add_columns(is_expected(_revision).label("is_expected")).cte("seen"),
        delete(Tag)
        .where(col(Tag.id) == _ID, col(Tag.user_id) == OWNER, is_expected(_revision))
        .returning(col(Tag.id))
        .cte("deleted"),
    ),
    into=Deletion,
)
"""Delete a tag, and take it off every task."""
