"""The table of tasks, with an index for each way in which the API reads it."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    Dialect,
    Index,
    Integer,
    SmallInteger,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field, SQLModel

from todo.models import TIMESTAMP, changed_xid, new_id, utc_now

OWNER_CONSTRAINT = "fk_tasks_user_id_users"
"""The constraint that fails if the account of a valid token is gone."""

ID_CONSTRAINT = "pk_tasks"
"""The constraint that fails if two requests create a task with the same id at once."""

TAG_CONSTRAINT = "fk_task_tags_tag_id_tags"
"""The constraint that fails if a tag is deleted while it is being attached to a task."""

SEARCH_VECTOR = Column(
    "search_vector",
    TSVECTOR,
    Computed(
        "to_tsvector('simple'::regconfig, "
        "title_folded || ' '::text || coalesce(description_folded, ''::text))",
        persisted=True,
    ),
    nullable=False,
)
"""The words of a task, folded. The configuration `simple` neither stems nor drops stop words: the
language of the text is unknown, and "it" or "who" may be the very word that is searched for."""

CHANGED_XID = changed_xid()

DUE_DATE_OR_LAST = text("coalesce(due_date, 'infinity'::timestamptz)")
DUE_DATE_OR_FIRST = text("coalesce(due_date, '-infinity'::timestamptz)")

LONGEST_TITLE_KEY = 200
"""Of a folded title so many characters decide its place: folding makes up to 18 of one, and what an
index holds is limited."""


class Priority(StrEnum):
    """How much a task matters."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"


RANKS = {priority: rank for rank, priority in enumerate(Priority, start=1)}
"""How the database stores a priority, so that it sorts."""


class PriorityRank(TypeDecorator[Priority]):
    """A priority as the database stores it: 1 for low to 4 for urgent."""

    impl = SmallInteger
    cache_ok = True

    _priorities: ClassVar = {rank: priority for priority, rank in RANKS.items()}

    def process_bind_param(self, value: Priority | None, dialect: Dialect) -> int | None:  # noqa: ARG002, D102
        return None if value is None else RANKS[value]

    def process_result_value(self, value: int | None, dialect: Dialect) -> Priority | None:  # noqa: ARG002, D102
        return None if value is None else self._priorities[value]


_version = Column("version", Integer, nullable=False)


class Task(SQLModel, table=True):
    """Something a user has to do; completed once `completed_at` is set.

    A task that is due on a day has `is_all_day`, and the midnight of UTC that begins the day as
    `due_date`. The `..._folded` are what `fold_words` makes of the texts. `position` is made by
    `todo.tasks.positions`.

    `search_vector` and `changed_xid` belong to the table but not to the class: the database sets
    them, and only the full-text search and the list of changes read them.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        SEARCH_VECTOR,
        CHANGED_XID,
        CheckConstraint("char_length(title) BETWEEN 1 AND 200", name="title_length"),
        CheckConstraint("char_length(description) <= 10000", name="description_length"),
        CheckConstraint("priority BETWEEN 1 AND 4", name="priority_rank"),
        CheckConstraint(
            "NOT is_all_day OR due_date IS NOT NULL "
            "AND (due_date AT TIME ZONE 'UTC')::time = '00:00'",
            name="all_day_midnight",
        ),
        CheckConstraint("position ~ '^[0-9]*[1-9]$'", name="position_digits"),
        Index("ix_tasks_user_id_created_at", "user_id", "created_at", "id"),
        Index("ix_tasks_user_id_updated_at", "user_id", "updated_at", "id"),
        Index("ix_tasks_user_id_priority", "user_id", "priority", "id"),
        Index(
            "ix_tasks_user_id_title",
            "user_id",
            text(f"left(title_folded, {LONGEST_TITLE_KEY})"),
            "id",
        ),
        Index("ix_tasks_user_id_position", "user_id", "position", "id"),
        Index("ix_tasks_user_id_due_date", "user_id", DUE_DATE_OR_LAST, "id"),
        Index("ix_tasks_user_id_due_date_desc", "user_id", DUE_DATE_OR_FIRST, "id"),
        Index(
            "ix_tasks_open_user_id_due_date",
            "user_id",
            DUE_DATE_OR_LAST,
            "id",
            postgresql_where=text("completed_at IS NULL"),
        ),
        Index(
            "ix_tasks_completed_at",
            "completed_at",
            postgresql_where=text("completed_at IS NOT NULL"),
        ),
        Index("ix_tasks_user_id_changed_xid", "user_id", "changed_xid", "id"),
        Index("ix_tasks_search_vector", "search_vector", postgresql_using="gin"),
    )
    __mapper_args__: ClassVar = {
        "version_id_col": _version,
        "exclude_properties": ["search_vector", "changed_xid"],
    }

    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE")
    title: str = Field(sa_type=Text)
    description: str | None = Field(default=None, sa_type=Text)
    priority: Priority = Field(default=Priority.MEDIUM, sa_type=PriorityRank)
    due_date: datetime | None = Field(default=None, sa_type=TIMESTAMP)
    is_all_day: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    completed_at: datetime | None = Field(default=None, sa_type=TIMESTAMP)
    version: int = Field(default=1, sa_column=_version)
    created_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)
    title_folded: str = Field(sa_type=Text(collation="C"))
    description_folded: str | None = Field(default=None, sa_type=Text)
    position: str = Field(sa_type=Text(collation="C"))


STORED = tuple(
    each
    for each in SQLModel.metadata.tables["tasks"].c
    if each.computed is None and each is not CHANGED_XID
)
"""All columns that are written; the database sets the others."""
