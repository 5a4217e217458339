"""The table of first responses, by idempotency key."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from todo.models import TIMESTAMP, utc_now


class IdempotencyKey(SQLModel, table=True):
    """The response to a request with a key, written by the statement that did its work.

    Only success is stored: a refused request rolls back, including its key. `id` is a hash of the
    key and of its sender; `fingerprint` distinguishes one request from another and is keyed,
    because a body may contain a password.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (CheckConstraint("status BETWEEN 200 AND 299", name="status_success"),)

    id: bytes = Field(primary_key=True, sa_type=LargeBinary)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    fingerprint: bytes = Field(sa_type=LargeBinary)
    status: int = Field(sa_type=SmallInteger)
    headers: dict[str, str] = Field(sa_type=JSONB)
    body: str = Field(sa_type=Text)
    created_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)
    expires_at: datetime = Field(sa_type=TIMESTAMP, index=True)
