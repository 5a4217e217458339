"""Tags on tasks: reading, showing, comparing, and creating those that a task names first."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    FromClause,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    exists,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlmodel import col

from todo.documents import quoted
from todo.sql import NOW, OWNER, text_of
from todo.tags.models import DEFAULT_COLOR, NAME_CONSTRAINT, Tag, TaskTag

SHOWN = [col(getattr(Tag, name)) for name in ("id", "name", "name_folded", "color", "version")]
"""The columns of a tag that decide how a task shows it."""


def tags_of(task_id: ColumnElement[Any]) -> Any:
    """The tags on a task, unordered."""
    return (
        select(*SHOWN)
        .join(TaskTag, col(TaskTag.tag_id) == col(Tag.id))
        .where(col(TaskTag.task_id) == task_id)
    )


def as_json(tags: FromClause) -> ColumnElement[str]:
    """All these tags as the members of a JSON array, ordered by name."""
    member = (
        text_of('{"id":"') + cast(tags.c.id, Text)
        + text_of('","name":') + quoted(tags.c.name)
        + text_of(',"color":"') + tags.c.color + text_of('"}')
    )  # fmt: skip
    listed = func.string_agg(member, aggregate_order_by(text_of(","), tags.c.name_folded))
    return func.coalesce(listed, text_of(""))


def state_of(tags: FromClause) -> ColumnElement[str]:
    """A value that distinguishes the states of these tags, as long as none is added to them.

    Tags are renamed and recoloured, which increments their version, or deleted, which reduces their
    number: so with the same number they are the same tags, and then the sum of their versions only
    grows.
    """
    versions = func.coalesce(func.sum(tags.c.version), literal_column("0"))
    return cast(func.count(), Text) + text_of(".") + cast(versions, Text)


def ensured(turn: FromClause) -> tuple[CTE, CTE]:
    """The tags named in a request: the existing ones, and those that are created.

    The names come folded in `tag_folded`, as they are in `tag_names`, with an id for each in
    `tag_ids`. Two concurrent requests that create the same tag create it once: the later one uses
    the other's. All insert in the same order, so that there is no deadlock.
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
        select(*SHOWN)
        .where(
            col(Tag.user_id) == OWNER,
            col(Tag.name_folded) == func.any(bindparam("tag_folded", type_=ARRAY(Text))),
        )
        .cte("here")
    )
    missing = (
        select(
            wanted.c.id, OWNER, wanted.c.name, wanted.c.name_folded, text_of(DEFAULT_COLOR),
            literal_column("1"), NOW, NOW,
        )
        .select_from(wanted.join(turn, true()))
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
        .returning(*SHOWN)
        .cte("made")
    )
    return here, made


def shown(tags: FromClause) -> Any:
    """What a task shows of its tags: their JSON, and their state."""
    return select(as_json(tags).label("tags"), state_of(tags).label("state")).select_from(tags)
