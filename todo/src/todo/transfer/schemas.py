"""The document of an export, which is that of an import."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from todo.tags.fields import Color, TagName
from todo.tags.models import DEFAULT_COLOR, MAX_TAGS_PER_TASK
from todo.tags.schemas import TagRead
from todo.tasks.fields import Timestamp
from todo.tasks.schemas import TaskRead, TaskWrite

VERSION: Literal[1] = 1

MOST_TASKS = 5000
MOST_TAGS = 1000
"""The most in one import: what is more is sent in parts."""

_Forgotten = Annotated[object, Field(description="Ignored; exports have it.")]


class ExportRead(BaseModel):
    """All tags and tasks of an account, as they were at one moment."""

    version: Literal[1]
    user_id: UUID
    exported_at: datetime
    tags: list[TagRead]
    tasks: list[TaskRead]


class ImportedTag(BaseModel):
    """A tag; one that you have, by its id or its name, stays as it is."""

    model_config = ConfigDict(extra="forbid")

    id: UUID | None = None
    name: TagName
    color: Color = DEFAULT_COLOR
    created_at: _Forgotten = None
    updated_at: _Forgotten = None
    etag: _Forgotten = None


class ImportedTask(TaskWrite):
    """A task; without an id it is always new."""

    id: UUID | None = None
    tags: Annotated[  # type: ignore[assignment]
        list[ImportedTag], Field(default_factory=list, max_length=MAX_TAGS_PER_TASK)
    ]
    completed_at: Timestamp | None = None
    position: Annotated[str, Field(max_length=200, pattern="^[0-9]*[1-9]$")] | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    etag: _Forgotten = None


class ImportWrite(BaseModel):
    """An export, or a part of one."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1]
    user_id: Annotated[
        UUID | None,
        Field(description="Whose export it is: only in your own the ids of tasks are yours."),
    ] = None
    exported_at: _Forgotten = None
    tags: Annotated[list[ImportedTag], Field(max_length=MOST_TAGS)] = []
    tasks: Annotated[list[ImportedTask], Field(max_length=MOST_TASKS)] = []

    @field_validator("tasks")
    @classmethod
    def _have_different_ids(cls, tasks: list[ImportedTask]) -> list[ImportedTask]:
        seen: dict[UUID, int] = {}
        for number, task in enumerate(tasks):
            if task.id is not None and seen.setdefault(task.id, number) != number:
                raise PydanticCustomError(
                    "same_id",
                    "The tasks {first} and {second} have the same id",
                    {"first": seen[task.id], "second": number},
                )
        return tasks


class ImportRead(BaseModel):
    """What was imported."""

    tasks_created: int
    tasks_unchanged: Annotated[int, Field(description="Tasks that you have, or had imported.")]
    tags_created: int
