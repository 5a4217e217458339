"""The changes of a task, each one statement that is built and compiled once.

A change sees one state of the task, decides by it, and writes only if the task still has that
version: `is_done` says whether it had. If not, another change came in between, and the statement
has to run again. So no lock is held for longer than a statement takes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    Boolean,
    ColumnElement,
    FromClause,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from todo.models import TIMESTAMP
from todo.sql import NOW, OWNER, is_expected
from todo.tags.carried import SHOWN, ensured, shown, tags_of
from todo.tags.models import MAX_TAGS_PER_TASK, Tag, TaskTag
from todo.tasks.models import PriorityRank, Task
from todo.tasks.positions import has_anchor, position_beside_anchor
from todo.tasks.sql import ID, PLAIN, TaskRow, document_of, revision_now, revision_of
from wellhead import Query, compiled

_TAG = bindparam("tag_id", type_=Uuid)
_NONE: ColumnElement[bool] = literal_column("false", Boolean)
_ALWAYS: ColumnElement[bool] = literal_column("true", Boolean)


@dataclass(slots=True)
class ChangedTask(TaskRow):
    """A task after a change, and its outcome; the other fields have no meaning if it failed.

    Attributes:
        is_expected: Whether the client knew the previous state.
        is_done: Whether the task is as requested.
        has_target: Whether the tag to attach or detach, or the task to move next to, exists.
        has_room: Whether the task may have one more tag.
        position: Its place in the manual order.
    """

    is_expected: bool
    is_done: bool
    has_target: bool
    has_room: bool
    position: str


@dataclass(frozen=True, slots=True)
class _Tags:
    """What a change does to the tags of its task.

    Attributes:
        differs: Whether they are different from before.
        write: Given the task, which is a row only if it is changed: its tags afterwards, and the
            statements that write them.
        has_target: Whether what the change refers to exists.
        has_room: Whether there may be one more.
    """

    differs: ColumnElement[bool]
    write: Callable[[CTE], tuple[FromClause, tuple[CTE, ...]]]
    has_target: ColumnElement[bool] = _ALWAYS
    has_room: ColumnElement[bool] = _ALWAYS


def _left(before: CTE) -> _Tags:
    return _Tags(_NONE, lambda _: (before, ()))


def _replaced(before: CTE) -> _Tags:
    folded = bindparam("tag_folded", type_=ARRAY(Text))
    number = select(func.count()).select_from(before).scalar_subquery()
    differs = or_(
        func.cardinality(folded) != number,
        exists().where(before.c.name_folded != func.all(folded)),
    )

    def write(changed: CTE) -> tuple[FromClause, tuple[CTE, ...]]:
        # If nothing differs, no tag is missing.
        here, made = ensured(changed)
        after = union_all(select(here), select(made)).cte("after")
        links = select(changed.c.id, after.c.id).select_from(changed.join(after, true()))
        return after, (
            _unlinked(changed, col(TaskTag.tag_id).not_in(select(after.c.id))),
            _linked(links.where(after.c.id.not_in(select(before.c.id)))),
        )

    return _Tags(differs, write)


def _attached(before: CTE) -> _Tags:
    tag = select(*SHOWN).where(col(Tag.id) == _TAG, col(Tag.user_id) == OWNER).cte("tag")
    others = select(before).where(before.c.id != _TAG)
    number = select(func.count()).select_from(others.subquery("others")).scalar_subquery()
    after = union_all(others, select(tag)).cte("after")

    def write(changed: CTE) -> tuple[FromClause, tuple[CTE, ...]]:
        links = select(changed.c.id, tag.c.id).select_from(changed.join(tag, true()))
        return after, (_linked(links),)

    return _Tags(
        ~exists().where(before.c.id == _TAG),
        write,
        has_target=exists(select(tag)),
        has_room=number < literal_column(str(MAX_TAGS_PER_TASK)),
    )


def _detached(before: CTE) -> _Tags:
    is_there = exists().where(col(Tag.id) == _TAG, col(Tag.user_id) == OWNER)
    after = select(before).where(before.c.id != _TAG).cte("after")
    return _Tags(
        exists().where(before.c.id == _TAG),
        lambda changed: (after, (_unlinked(changed, col(TaskTag.tag_id) == _TAG),)),
        has_target=is_there,
    )


def _beside(before: CTE) -> _Tags:
    return replace(_left(before), has_target=has_anchor())


def _linked(links: Any) -> CTE:
    return insert(TaskTag).from_select(["task_id", "tag_id"], links).cte("linked")


def _unlinked(changed: CTE, condition: ColumnElement[bool]) -> CTE:
    return delete(TaskTag).where(col(TaskTag.task_id) == changed.c.id, condition).cte("unlinked")


def _fields() -> dict[str, ColumnElement[Any]]:
    """The new value of each field: NULL keeps it, unless something else says that it is set."""
    completed = bindparam("completed", type_=Boolean)
    sets_description = bindparam("sets_description", type_=Boolean)
    sets_due_date = bindparam("sets_due_date", type_=Boolean)
    return {
        "title": func.coalesce(bindparam("title", type_=Text), col(Task.title)),
        "title_folded": func.coalesce(
            bindparam("title_folded", type_=Text), col(Task.title_folded)
        ),
        "description": case(
            (sets_description, bindparam("description", type_=Text)), else_=col(Task.description)
        ),
        "description_folded": case(
            (sets_description, bindparam("description_folded", type_=Text)),
            else_=col(Task.description_folded),
        ),
        "priority": func.coalesce(bindparam("priority", type_=PriorityRank), col(Task.priority)),
        "due_date": case(
            (sets_due_date, bindparam("due_date", type_=TIMESTAMP)), else_=col(Task.due_date)
        ),
        "is_all_day": case(
            (sets_due_date, bindparam("is_all_day", type_=Boolean)), else_=col(Task.is_all_day)
        ),
        "completed_at": case(
            (completed.is_(None), col(Task.completed_at)),
            (completed, func.coalesce(col(Task.completed_at), NOW)),
        ),
    }


def _change(
    fields: dict[str, ColumnElement[Any]], tags_after: Callable[[CTE], _Tags]
) -> Query[ChangedTask]:
    before = tags_of(ID).cte("before")
    old = {name: col(getattr(Task, name)) for name in fields}
    seen = (
        select(
            col(Task.id),
            col(Task.version),
            col(Task.created_at),
            col(Task.updated_at),
            is_expected(revision_now(before)).label("is_expected"),
            or_(_NONE, *(old[name].is_distinct_from(new) for name, new in fields.items()))
            .label("differs"),
            *(fields.get(name, col(getattr(Task, name))).label(f"new_{name}")
              for name in dict.fromkeys((*PLAIN, *fields))),
        )
        .where(col(Task.id) == ID, col(Task.user_id) == OWNER)
        .cte("seen")
    )  # fmt: skip
    tags = tags_after(before)
    differs = or_(seen.c.differs, tags.differs)
    changed = (
        update(Task)
        .where(
            col(Task.id) == seen.c.id,
            col(Task.version) == seen.c.version,
            seen.c.is_expected,
            tags.has_target,
            tags.has_room,
            differs,
        )
        .values(
            **{name: seen.c[f"new_{name}"] for name in fields},
            version=col(Task.version) + literal_column("1"),
            updated_at=NOW,
        )
        .returning(col(Task.id))
        .cte("changed")
    )
    after, written = tags.write(changed)
    carried = shown(after).subquery("carried")
    is_changed = changed.c.id.is_not(None)
    version = seen.c.version + case((is_changed, literal_column("1")), else_=literal_column("0"))
    revision = revision_of(version, carried.c.state)
    now = {
        "id": seen.c.id,
        **{name: seen.c[f"new_{name}"] for name in PLAIN},
        "created_at": seen.c.created_at,
        "updated_at": case((is_changed, NOW), else_=seen.c.updated_at),
    }
    statement = (
        select(
            document_of(now, carried.c.tags, revision).label("document"),
            revision.label("revision"),
            seen.c.is_expected.label("is_expected"),
            or_(is_changed, and_(seen.c.is_expected, ~differs)).label("is_done"),
            tags.has_target.label("has_target"),
            tags.has_room.label("has_room"),
            seen.c.new_position.label("position"),
        )
        .select_from(seen.join(carried, true()).outerjoin(changed, true()))
        .add_cte(*written)
    )
    return compiled(statement, into=ChangedTask)


# Built when they are first used: that takes as long as a hundred of their uses, and a process that
# only migrates or serves probes needs none.


@cache
def change_fields() -> Query[ChangedTask]:
    """Change fields."""
    return _change(_fields(), _left)


@cache
def replace_tags() -> Query[ChangedTask]:
    """Change fields, and set the task's tags to those with these names."""
    return _change(_fields(), _replaced)


@cache
def attach_tag() -> Query[ChangedTask]:
    """Put a tag on a task."""
    return _change({}, _attached)


@cache
def detach_tag() -> Query[ChangedTask]:
    """Take a tag off a task."""
    return _change({}, _detached)


@cache
def move_after() -> Query[ChangedTask]:
    """Move a task behind another one, or to the beginning of the manual order."""
    return _change({"position": position_beside_anchor(is_after=True)}, _beside)


@cache
def move_before() -> Query[ChangedTask]:
    """Move a task before another one, or to the end of the manual order."""
    return _change({"position": position_beside_anchor(is_after=False)}, _beside)
