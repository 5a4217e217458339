"""Filters of a list of tasks: each is a condition that the database can check with an index."""

from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement, Text, and_, bindparam, exists, func, literal_column, not_
from sqlmodel import col

from todo.given import Given
from todo.models import TIMESTAMP, utc_now
from todo.sql import OWNER
from todo.tags.fields import TagName
from todo.tags.models import Tag, TaskTag, fold
from todo.tasks.due import Limit, has_due_date, is_due_before, is_due_from
from todo.tasks.fields import DEFAULT_ZONE, DayOrMoment, SearchText, Timestamp, TimeZone
from todo.tasks.models import SEARCH_VECTOR, Priority, Task
from todo.tasks.search import tsquery_of


class TaskFilters(BaseModel):
    """Filters; every filter that is given must match."""

    completed: Annotated[Given[bool], Field(description="Only done, or only open tasks.")] = None
    priority: Annotated[
        list[Priority], Field(max_length=10, description="One of these priorities.")
    ] = []
    tag: Annotated[
        list[TagName], Field(max_length=10, description="Every one of these tags, by name.")
    ] = []
    untagged: Annotated[
        Given[bool], Field(description="Only tasks without any tag, or only those with tags.")
    ] = None
    time_zone: TimeZone = DEFAULT_ZONE
    due_from: Annotated[
        Given[DayOrMoment],
        Field(
            description="Due at this time or later, or on this day or later. Tasks that are due "
            "on a day are compared with the day that a time has in its own zone."
        ),
    ] = None
    due_before: Annotated[
        Given[DayOrMoment],
        Field(description="Due before this time, or before this day; a day is left out itself."),
    ] = None
    has_due_date: Annotated[
        Given[bool], Field(description="Only tasks with, or only those without a due date.")
    ] = None
    overdue: Annotated[
        Given[bool],
        Field(
            description="Only open tasks whose time or day is over, or only the others. "
            "When a day is over depends on `time_zone`."
        ),
    ] = None
    updated_from: Annotated[
        Given[Timestamp], Field(description="Changed at this time or later.")
    ] = None
    q: Annotated[
        Given[SearchText],
        Field(
            description="Words to find in title and description: each finds those that begin with "
            'it, without regard to case and accents. "Quoted phrases" find whole words, `or` and '
            "`-not` work as in web searches. A text without any word, such as `!?`, finds nothing; "
            "a blank one does not filter."
        ),
    ] = None

    @field_validator("due_before")
    @classmethod
    def _ends_after_it_begins(cls, value: date | None, info: ValidationInfo) -> date | None:
        start = info.data.get("due_from")
        if value is None or start is None:
            return value
        zone: tzinfo = info.data.get("time_zone", DEFAULT_ZONE)
        if Limit.at(value, zone).moment < Limit.at(start, zone).moment:
            raise PydanticCustomError("due_range", "Must not be earlier than due_from")
        return value

    @property
    def shape(self) -> "Shape":
        """Which filters are given, and so which conditions there are."""
        return Shape(
            completed=self.completed,
            priority=bool(self.priority),
            tags=len(self._tags_folded),
            untagged=self.untagged,
            due_from=self.due_from is not None,
            due_before=self.due_before is not None,
            has_due_date=self.has_due_date,
            overdue=self.overdue,
            updated_from=self.updated_from is not None,
            q=bool(self.q),
        )

    @property
    def values(self) -> dict[str, Any]:
        """The values for the conditions of its shape."""
        found: dict[str, Any] = {
            f"tag_{number}": name for number, name in enumerate(self._tags_folded)
        }
        if self.priority:
            found["priorities"] = self.priority
        if self.due_from is not None:
            found |= Limit.at(self.due_from, self.time_zone).first("due_from")
        if self.due_before is not None:
            found |= Limit.at(self.due_before, self.time_zone).end("due_before")
        if self.overdue is not None:
            found |= Limit.at(utc_now().astimezone(self.time_zone), UTC).end("now")
        if self.updated_from is not None:
            found["updated_from"] = self.updated_from
        if self.q:
            found["words"] = tsquery_of(self.q)
        return found

    @property
    def _tags_folded(self) -> list[str]:
        return sorted({fold(name) for name in self.tag})


@dataclass(frozen=True, slots=True)
class Shape:
    """Which filters a list has: lists of one shape share one statement."""

    completed: bool | None
    priority: bool
    tags: int
    untagged: bool | None
    due_from: bool
    due_before: bool
    has_due_date: bool | None
    overdue: bool | None
    updated_from: bool
    q: bool

    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on the table of tasks, for the tasks of `owner_id`."""
        found: list[ColumnElement[bool]] = [col(Task.user_id) == OWNER]
        for condition, wanted in (
            (col(Task.completed_at).is_not(None), self.completed),
            (is_untagged(), self.untagged),
            (has_due_date(), self.has_due_date),
            (is_overdue(), self.overdue),
        ):
            if wanted is not None:
                found.append(condition if wanted else not_(condition))
        if self.priority:
            found.append(col(Task.priority).in_(bindparam("priorities")))
        if self.due_from:
            found.append(is_due_from("due_from"))
        if self.due_before:
            found.append(is_due_before("due_before"))
        if self.updated_from:
            found.append(col(Task.updated_at) >= bindparam("updated_from", type_=TIMESTAMP))
        if self.q:
            simple: ColumnElement[Any] = literal_column("'simple'::regconfig")
            words = func.to_tsquery(simple, bindparam("words", type_=Text))
            found.append(SEARCH_VECTOR.bool_op("@@")(words))
        found += [_carries(f"tag_{number}") for number in range(self.tags)]
        return found


def is_untagged() -> ColumnElement[bool]:
    """Whether a task has no tags."""
    return ~exists().where(col(TaskTag.task_id) == col(Task.id))


def is_overdue() -> ColumnElement[bool]:
    """Whether a task is open although it was due before the limit `now`."""
    return and_(col(Task.completed_at).is_(None), is_due_before("now"))


def _carries(name: str) -> ColumnElement[bool]:
    return exists().where(
        col(TaskTag.task_id) == col(Task.id),
        col(TaskTag.tag_id) == col(Tag.id),
        col(Tag.user_id) == OWNER,
        col(Tag.name_folded) == bindparam(name, type_=Text),
    )
