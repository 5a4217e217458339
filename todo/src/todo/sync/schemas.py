"""Requests and responses about what has changed."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator

from todo.given import Given
from todo.paging import CURSOR_PATTERN, LONGEST_CURSOR
from todo.sync.token import Since
from todo.tags.schemas import TagRead
from todo.tasks.schemas import TaskRead


class ChangesQuery(BaseModel):
    """From when on to read changes."""

    model_config = ConfigDict(extra="forbid")

    since: Annotated[
        Given[Annotated[str, Field(max_length=LONGEST_CURSOR, pattern=CURSOR_PATTERN)]],
        Field(description="The last `next_since`; without it, everything is read."),
    ] = None
    limit: Annotated[int, Field(ge=1, le=500, description="The most changes in a response.")] = 200

    @field_validator("since")
    @classmethod
    def _is_a_token(cls, since: str | None) -> str | None:
        if since is not None:
            Since.decode(since)
        return since

    @property
    def start(self) -> Since | None:
        """How far the client has read."""
        return None if self.since is None else Since.decode(self.since)


class ChangesRead(BaseModel):
    """What has changed; some of it may have been sent before."""

    tasks: Annotated[
        list[TaskRead],
        Field(description="Tasks that are new or look different, also because of a tag."),
    ]
    tags: Annotated[list[TagRead], Field(description="New and changed tags.")]
    deleted_task_ids: list[UUID]
    deleted_tag_ids: list[UUID]
    next_since: Annotated[str, Field(description="Send it as `since` next time.")]
    has_more: Annotated[bool, Field(description="Whether more changes can be read at once.")]
