"""The statements about one tag and lists of them, each compiled once; a write is one statement."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CTE,
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
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from todo.sql import NOW, OWNER, Deletion, deletion, is_expected
from todo.tags.models import Tag, TaskTag
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


_PLAIN = ("id", "name", "color", "created_at", "updated_at", "version")
_ID = bindparam("tag_id", type_=Uuid)
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
        "created_at": NOW,
        "updated_at": NOW,
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
        updated_at=NOW,
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
