"""How many tasks a user has, of each kind that clients show a number for: one statement."""

from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, cast, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlmodel import col

from todo.documents import quoted
from todo.models import utc_now
from todo.sql import OWNER, text_of
from todo.tags.models import Tag, TaskTag
from todo.tasks.due import Limit, has_due_date, is_due_before, is_due_from
from todo.tasks.filters import is_overdue, is_untagged
from todo.tasks.models import Task
from wellhead import Database, Query, compiled

IS_OPEN = col(Task.completed_at).is_(None)


@dataclass(slots=True)
class Counts:
    """The JSON of the counts, as `schemas.TaskCounts` describes it."""

    document: str


async def counts(database: Database, *, owner_id: UUID, time_zone: tzinfo) -> Counts:
    """A user's counts, with days as they are in a time zone."""
    now = utc_now().astimezone(time_zone)
    today = now.date()
    return await _counts().one(
        database,
        owner_id=owner_id,
        **Limit.at(now, UTC).end("now"),
        **Limit.at(today, time_zone).first("today"),
        **Limit.at(today + timedelta(days=1), time_zone).end("tomorrow"),
    )


@cache
def _counts() -> Query[Counts]:
    is_due_today = and_(is_due_from("today"), is_due_before("tomorrow"))
    kinds = {
        "open": IS_OPEN,
        "completed": ~IS_OPEN,
        "overdue": is_overdue(),
        "due_today": and_(IS_OPEN, is_due_today),
        "no_due_date": and_(IS_OPEN, ~has_due_date()),
        "untagged": and_(IS_OPEN, is_untagged()),
    }
    document = text_of("{")
    for name, condition in kinds.items():
        number = cast(func.count().filter(condition), Text)
        document += text_of(f'"{name}":') + number + text_of(",")
    document += text_of('"tags":[') + func.coalesce(_by_tag(), text_of("")) + text_of("]}")
    mine = select(document.label("document")).select_from(Task).where(col(Task.user_id) == OWNER)
    return compiled(mine, into=Counts)


def _by_tag() -> ColumnElement[Any]:
    tag = (
        select(
            col(Tag.id), col(Tag.name), col(Tag.name_folded), func.count(col(Task.id)).label("open")
        )
        .select_from(Tag)
        .outerjoin(TaskTag, col(TaskTag.tag_id) == col(Tag.id))
        .outerjoin(Task, and_(col(Task.id) == col(TaskTag.task_id), IS_OPEN))
        .where(col(Tag.user_id) == OWNER)
        .group_by(col(Tag.id))
        .subquery("tag")
    )
    member = (
        text_of('{"id":"') + cast(tag.c.id, Text)
        + text_of('","name":') + quoted(tag.c.name)
        + text_of(',"open":') + cast(tag.c.open, Text) + text_of("}")
    )  # fmt: skip
    listed = func.string_agg(member, aggregate_order_by(text_of(","), tag.c.name_folded))
    return select(listed).scalar_subquery()
