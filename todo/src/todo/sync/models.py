"""The tables of what was deleted. Triggers of the database write the rows, whatever deletes."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Column, Index, SmallInteger, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from todo.models import TIMESTAMP


class DeletedTask(SQLModel, table=True):
    """A deleted task with all that it takes to restore it.

    Attributes:
        contents: The columns of its row by name.
        tags: The columns of its tags that `todo.tasks.deleted` reads.
    """

    __tablename__ = "deleted_tasks"
    __table_args__ = (
        Index("ix_deleted_tasks_user_id_changed_xid", "user_id", "changed_xid", "id"),
    )

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE")
    changed_xid: int = Field(sa_type=BigInteger)
    deleted_at: datetime = Field(sa_type=TIMESTAMP, index=True)
    contents: dict[str, Any] = Field(sa_type=JSONB)
    tags: list[dict[str, Any]] = Field(sa_type=JSONB)


class DeletedTag(SQLModel, table=True):
    """A deleted tag, and the tasks that it was on: they look different since."""

    __tablename__ = "deleted_tags"
    __table_args__ = (Index("ix_deleted_tags_user_id_changed_xid", "user_id", "changed_xid", "id"),)

    id: UUID = Field(primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE")
    changed_xid: int = Field(sa_type=BigInteger)
    deleted_at: datetime = Field(sa_type=TIMESTAMP, index=True)
    task_ids: list[UUID] = Field(sa_column=Column("task_ids", ARRAY(Uuid), nullable=False))


class DeletionHorizon(SQLModel, table=True):
    """One row: the newest transaction of whose deletions something was forgotten."""

    __tablename__ = "deletion_horizon"
    __table_args__: ClassVar = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(default=1, primary_key=True, sa_type=SmallInteger)
    forgotten_xid: int = Field(sa_type=BigInteger)
