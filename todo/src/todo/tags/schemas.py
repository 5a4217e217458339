"""Requests and responses about tags."""

from datetime import datetime
from typing import Annotated, cast
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from todo.chosen_ids import CHOSEN_ID, ChosenId
from todo.paging import Cursor, NextCursor, Position, decode_cursor, encode_cursor
from todo.patch import PATCH_CONFIG
from todo.tags.fields import Color, TagName
from todo.tags.models import DEFAULT_COLOR
from todo.tags.service import TagChanges
from todo.text import line

_SCOPE = "tags by name"
_NAME: TypeAdapter[str] = TypeAdapter(Annotated[str, AfterValidator(line)])


class TagCreate(BaseModel):
    """A new tag."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[ChosenId | None, Field(description=CHOSEN_ID)] = None
    name: TagName
    color: Color = DEFAULT_COLOR


class TagPatch(BaseModel):
    """Changes to a tag: what is absent stays as it is."""

    model_config = PATCH_CONFIG

    name: TagName = ""
    color: Color = DEFAULT_COLOR

    def changes(self) -> TagChanges:
        """The fields that were sent."""
        return cast("TagChanges", self.model_dump(exclude_unset=True))


class TagRef(BaseModel):
    """A tag as a task shows it."""

    id: UUID
    name: str
    color: str


class TagRead(TagRef):
    """A tag."""

    created_at: datetime
    updated_at: datetime
    etag: Annotated[str, Field(description="The tag's `ETag`, ready for `If-Match`.")]


class CountedTag(TagRead):
    """A tag, and how many tasks carry it; its `etag` says nothing about the count."""

    task_count: Annotated[int, Field(ge=0)]


class TagPage(BaseModel):
    """A page of the list of tags."""

    items: list[CountedTag]
    next_cursor: NextCursor


class TagQuery(BaseModel):
    """Which page of the tags to list; they come in the order of their names."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=200, description="Tags on a page.")] = 100
    cursor: Cursor = None

    @field_validator("cursor")
    @classmethod
    def _is_of_this_list(cls, cursor: str | None) -> str | None:
        if cursor is not None:
            decode_cursor(cursor, scope=_SCOPE, kind=_NAME)
        return cursor

    @property
    def after(self) -> Position | None:
        """Where the page starts."""
        if self.cursor is None:
            return None
        return decode_cursor(self.cursor, scope=_SCOPE, kind=_NAME)


def tag_cursor(position: Position | None) -> str | None:
    """The cursor for a position in the list of tags; None stays None."""
    return None if position is None else encode_cursor(position, scope=_SCOPE, kind=_NAME)
