"""The tables of tags, and of the tags on each task."""

import unicodedata
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Index, Integer, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from todo.models import TIMESTAMP, changed_xid, new_id, utc_now

DEFAULT_COLOR = "#6b7280"
"""A neutral grey, for tags that were created by naming them in a task."""

MAX_TAGS_PER_TASK = 20

NAME_CONSTRAINT = "uq_tags_user_id_name_folded"
"""The constraint that distinguishes a taken tag name from every other conflict."""

ID_CONSTRAINT = "pk_tags"
"""The constraint that fails if two requests create a tag with the same id at once."""

OWNER_CONSTRAINT = "fk_tags_user_id_users"
"""The constraint that fails if the account of a valid token is gone."""


def fold(name: str) -> str:
    """The form of a tag name that is unique per user: case-folded, in one Unicode form.

    Folding is done here and not by the database's `lower()`, which follows the database's locale:
    in the C locale it leaves every non-ASCII letter unchanged.
    """
    folded = unicodedata.normalize("NFC", name).casefold()
    return unicodedata.normalize("NFC", folded)


CHANGED_XID = changed_xid()

_version = Column("version", Integer, nullable=False)


class Tag(SQLModel, table=True):
    """A name with a colour that one user puts on tasks."""

    __tablename__ = "tags"
    __table_args__ = (
        CHANGED_XID,
        UniqueConstraint("user_id", "name_folded", name=NAME_CONSTRAINT),
        CheckConstraint("char_length(name) BETWEEN 1 AND 50", name="name_length"),
        CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color_form"),
        Index("ix_tags_user_id_changed_xid", "user_id", "changed_xid", "id"),
    )
    __mapper_args__: ClassVar = {
        "version_id_col": _version,
        "exclude_properties": ["changed_xid"],
    }

    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE")
    name: str = Field(sa_type=Text)
    name_folded: str = Field(sa_type=Text(collation="C"))
    color: str = Field(default=DEFAULT_COLOR, sa_type=Text)
    version: int = Field(default=1, sa_column=_version)
    created_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)


class TaskTag(SQLModel, table=True):
    """One tag on one task."""

    __tablename__ = "task_tags"
    __table_args__ = (Index("ix_task_tags_tag_id_task_id", "tag_id", "task_id"),)

    task_id: UUID = Field(foreign_key="tasks.id", ondelete="CASCADE", primary_key=True)
    tag_id: UUID = Field(foreign_key="tags.id", ondelete="CASCADE", primary_key=True)
