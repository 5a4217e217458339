"""What clients send and get about many tasks."""

import re
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bench.todo_speed.by_hand.bodies import ShownTask, TagOnTask

_ZONE = re.compile("[A-Z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,2}", flags=re.ASCII)


def _is_zone(name: str) -> str:
    if not _ZONE.fullmatch(name):
        raise ValueError("must be a time zone")
    try:
        ZoneInfo(name)
    except (OSError, LookupError) as error:
        raise ValueError("must be a time zone") from error
    return name


class Bulk(BaseModel):
    """What to do with many tasks."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["complete", "reopen", "delete"]
    ids: Annotated[list[UUID], Field(min_length=1, max_length=1000)]


class BulkDone(BaseModel):
    """What was done."""

    changed: list[UUID]
    unchanged: list[UUID]
    not_found: list[UUID]
    has_more: bool


class CountsQuery(BaseModel):
    """How to count."""

    model_config = ConfigDict(extra="forbid")

    time_zone: Annotated[str, AfterValidator(_is_zone)] = "UTC"


class TagCount(BaseModel):
    """A tag, and how many open tasks carry it."""

    id: UUID
    name: str
    open: int


class Counts(BaseModel):
    """How many tasks there are of each kind."""

    open: int
    completed: int
    overdue: int
    due_today: int
    no_due_date: int
    untagged: int
    tags: list[TagCount]


class ChangesQuery(BaseModel):
    """From where on to list changes."""

    model_config = ConfigDict(extra="forbid")

    since: Annotated[str, Field(max_length=4096, pattern="^[A-Za-z0-9_-]+$")] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 200


class ShownTag(TagOnTask):
    """A tag as clients get it."""

    created_at: datetime
    updated_at: datetime
    etag: str


class Changes(BaseModel):
    """A page of changes."""

    tasks: list[ShownTask]
    tags: list[ShownTag]
    deleted_task_ids: list[UUID]
    deleted_tag_ids: list[UUID]
    next_since: str
    has_more: bool
