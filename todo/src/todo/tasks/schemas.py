"""Requests and responses about tasks."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal, Self, cast
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from todo.chosen_ids import CHOSEN_ID, ChosenId
from todo.given import Given
from todo.paging import Cursor, NextCursor, Position, decode_cursor, encode_cursor
from todo.patch import PATCH_CONFIG
from todo.tags.fields import TagNames
from todo.tags.schemas import TagRef
from todo.tasks.bulk import MOST_AT_ONCE, Action
from todo.tasks.fields import DEFAULT_ZONE, Description, DueDate, TimeZone, Title
from todo.tasks.filters import TaskFilters
from todo.tasks.models import Priority
from todo.tasks.service import TaskChanges
from todo.tasks.sorting import SortName, order_of


class TaskWrite(BaseModel):
    """A whole task: fields that are left out get their default."""

    model_config = ConfigDict(extra="forbid")

    title: Title
    description: Description | None = None
    priority: Priority = Priority.MEDIUM
    due_date: Annotated[
        DueDate | None, Field(description="A day, or a time with its zone; null for neither.")
    ] = None
    completed: StrictBool = False
    tags: Annotated[TagNames, Field(description="Tags by name; missing ones are created.")] = []

    def changes(self) -> TaskChanges:
        """Every field, as a change."""
        return cast("TaskChanges", self.model_dump())


class TaskCreate(TaskWrite):
    """A new task."""

    id: Annotated[ChosenId | None, Field(description=CHOSEN_ID)] = None

    def changes(self) -> TaskChanges:
        """Every field, as a change; an id never changes."""
        return cast("TaskChanges", self.model_dump(exclude={"id"}))


class TaskPatch(TaskWrite):
    """Changes to a task: absent fields are kept, null clears (RFC 7396)."""

    model_config = PATCH_CONFIG

    title: Title = ""

    def changes(self) -> TaskChanges:
        """The fields that were sent."""
        return cast("TaskChanges", self.model_dump(exclude_unset=True))


class Completion(BaseModel):
    """Whether a task is done."""

    model_config = ConfigDict(extra="forbid")

    completed: StrictBool = True


class TaskMove(BaseModel):
    """Where to move a task in the manual order: one of these members."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"minProperties": 1, "maxProperties": 1}
    )

    before: Annotated[Given[UUID], Field(description="Right before this task.")] = None
    after: Annotated[Given[UUID], Field(description="Right after this task.")] = None
    to: Annotated[Given[Literal["first", "last"]], Field(description="To an end of the list.")] = (
        None
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        places = [place for place in (self.before, self.after, self.to) if place is not None]
        # A null next to a place is no place, and is not allowed either.
        if len(places) != 1 or len(self.model_fields_set) != 1:
            raise PydanticCustomError("move", "Must have one of before, after and to")
        return self

    @property
    def is_after(self) -> bool:
        """Whether the task comes after something, or first; else before something, or last."""
        return self.after is not None or self.to == "first"


class FilteredTasks(TaskFilters):
    """Which tasks: those that a list with these filters shows."""

    model_config = ConfigDict(extra="forbid")


class BulkWrite(BaseModel):
    """What to do with many tasks."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [{"required": ["ids"]}, {"required": ["filter"]}],
            "anyOf": [
                {"required": ["ids"]},
                {"properties": {"action": {"enum": ["complete", "reopen", "delete"]}}},
            ],
        },
    )

    action: Action
    ids: Annotated[
        Given[Annotated[list[UUID], Field(min_length=1, max_length=MOST_AT_ONCE)]],
        Field(description="These tasks, in any order."),
    ] = None
    filter: Annotated[
        Given[FilteredTasks],
        Field(
            description=f"At most {MOST_AT_ONCE} of the tasks that match, and are not yet in that "
            "state."
        ),
    ] = None

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        given = self.model_fields_set & {"ids", "filter"}
        if len(given) != 1 or (self.ids is None) == (self.filter is None):
            raise PydanticCustomError("ids_or_filter", "Must have either ids or filter")
        if self.action == "restore" and self.ids is None:
            raise PydanticCustomError(
                "restore_by_ids", "Must have ids: no filter finds deleted tasks"
            )
        return self


class BulkRead(BaseModel):
    """What was done, by the ids of the tasks."""

    changed: list[UUID]
    unchanged: Annotated[list[UUID], Field(description="Tasks that were in that state before.")]
    not_found: Annotated[list[UUID], Field(description="You have no task with this id.")]
    has_more: Annotated[
        bool, Field(description="Whether more tasks match; send the filter again, with a new key.")
    ]


class TaskRead(BaseModel):
    """A task."""

    id: UUID
    title: str
    description: str | None
    priority: Priority
    due_date: Annotated[
        DueDate | None, Field(description="As it was sent: a day, or a time, in UTC.")
    ]
    completed: bool
    completed_at: datetime | None
    tags: Annotated[list[TagRef], Field(description="Ordered by name.")]
    position: Annotated[
        str,
        Field(
            pattern="^[0-9]*[1-9]$",
            description="Its place in the manual order: compare as text, character by character.",
        ),
    ]
    created_at: datetime
    updated_at: datetime
    etag: Annotated[str, Field(description="The task's `ETag`, ready for `If-Match`.")]


class TaskPage(BaseModel):
    """A page of a list of tasks."""

    items: list[TaskRead]
    next_cursor: NextCursor


class CountsQuery(BaseModel):
    """How to count."""

    model_config = ConfigDict(extra="forbid")

    time_zone: TimeZone = DEFAULT_ZONE


class TagCount(BaseModel):
    """A tag with the number of open tasks that carry it."""

    id: UUID
    name: str
    open: int


class TaskCounts(BaseModel):
    """How many tasks there are of each kind; all but `completed` count open ones."""

    open: int
    completed: int
    overdue: Annotated[int, Field(description="Their time or their day is over.")]
    due_today: Annotated[
        int, Field(description="Due today, at whatever time; may be overdue, too.")
    ]
    no_due_date: int
    untagged: int
    tags: Annotated[list[TagCount], Field(description="Every tag, ordered by name.")]


class TaskQuery(TaskFilters):
    """Which page of which tasks to list, and in which order."""

    model_config = ConfigDict(extra="forbid")

    sort: Annotated[SortName, Field(description="The order; `-` reverses it.")] = "-created_at"
    limit: Annotated[int, Field(ge=1, le=100, description="Tasks on a page.")] = 20
    cursor: Cursor = None  # Stays the last field: its validation reads those before it.

    @field_validator("cursor")
    @classmethod
    def _is_of_this_list(cls, cursor: str | None, info: ValidationInfo) -> str | None:
        if cursor is not None and set(TaskFilters.model_fields) | {"sort"} <= set(info.data):
            _position(cursor, info.data)
        return cursor

    @property
    def after(self) -> Position | None:
        """Where the page starts."""
        return None if self.cursor is None else _position(self.cursor, dict(self))

    def cursor_at(self, position: Position | None) -> str | None:
        """The cursor for a position in this list; None stays None."""
        if position is None:
            return None
        return encode_cursor(position, scope=_scope(dict(self)), kind=order_of(self.sort).kind)


def _position(cursor: str, query: dict[str, Any]) -> Position:
    return decode_cursor(cursor, scope=_scope(query), kind=order_of(query["sort"]).kind)


def _scope(query: dict[str, Any]) -> str:
    fields = [*TaskFilters.model_fields, "sort"]
    return json.dumps([query[field] for field in fields], default=str)
