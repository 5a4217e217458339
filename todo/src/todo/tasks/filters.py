"""Filters of a list of tasks: each is a condition that the database can check with an index."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement, Text, bindparam, exists, func, literal_column
from sqlmodel import col

from todo.given import Given
from todo.sql import OWNER
from todo.tags.fields import TagName
from todo.tags.models import Tag, TaskTag, fold
from todo.tasks.fields import SearchText, Timestamp
from todo.tasks.models import SEARCH_VECTOR, Priority, Task
from todo.tasks.sorting import no_due_date_last

_ROW_OF_MINUSES = re.compile(r"(?:-[\s!&|()]*){17,}")


class TaskFilters(BaseModel):
    """Filters; every filter that is given must match."""

    completed: Annotated[Given[bool], Field(description="Only done, or only open tasks.")] = None
    priority: Annotated[
        list[Priority], Field(max_length=10, description="One of these priorities.")
    ] = []
    tag: Annotated[
        list[TagName], Field(max_length=10, description="Every one of these tags, by name.")
    ] = []
    due_from: Annotated[Given[Timestamp], Field(description="Due at this time or later.")] = None
    due_before: Annotated[Given[Timestamp], Field(description="Due before this time.")] = None
    q: Annotated[
        Given[SearchText],
        Field(
            description='Words to find in title and description. "Quoted phrases", `or` and `-not` '
            "work as in web searches; words are matched whole, without regard to case. A text "
            "without any word, such as `!?`, finds nothing; a blank one does not filter."
        ),
    ] = None

    @field_validator("due_before")
    @classmethod
    def _ends_after_it_begins(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("due_from")
        if value is not None and start is not None and value < start:
            raise PydanticCustomError("due_range", "Must not be earlier than due_from")
        return value

    @property
    def shape(self) -> "Shape":
        """Which filters are given, and so which conditions there are."""
        return Shape(
            completed=self.completed,
            priority=bool(self.priority),
            tags=len(self._tags_folded),
            due_from=self.due_from is not None,
            due_before=self.due_before is not None,
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
            found["due_from"] = self.due_from
        if self.due_before is not None:
            found["due_before"] = self.due_before
        if self.q:
            # PostgreSQL fails on more than 32 pending operators (XX000, "tsquery stack too small");
            # so a long row of minus signs, whatever it skips in between, is treated as a line.
            found["words"] = _ROW_OF_MINUSES.sub(" ", self.q)
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
    due_from: bool
    due_before: bool
    q: bool

    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on the table of tasks, for the tasks of `owner_id`."""
        found: list[ColumnElement[bool]] = [col(Task.user_id) == OWNER]
        if self.completed is not None:
            done = col(Task.completed_at)
            found.append(done.is_not(None) if self.completed else done.is_(None))
        if self.priority:
            found.append(col(Task.priority).in_(bindparam("priorities")))
        due = no_due_date_last(col(Task.due_date))
        if self.due_from:
            found += [due >= bindparam("due_from"), col(Task.due_date).is_not(None)]
        if self.due_before:
            found.append(due < bindparam("due_before"))
        if self.q:
            simple: ColumnElement[Any] = literal_column("'simple'::regconfig")
            words = func.websearch_to_tsquery(simple, bindparam("words", type_=Text))
            found.append(SEARCH_VECTOR.bool_op("@@")(words))
        found += [_carries(f"tag_{number}") for number in range(self.tags)]
        return found


def _carries(name: str) -> ColumnElement[bool]:
    return exists().where(
        col(TaskTag.task_id) == col(Task.id),
        col(TaskTag.tag_id) == col(Tag.id),
        col(Tag.user_id) == OWNER,
        col(Tag.name_folded) == bindparam(name, type_=Text),
    )
