"""The table of first answers, by idempotency key."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from todo.models import TIMESTAMP, utc_now


class IdempotencyKey(SQLModel, table=True):
    """What a request with a key was answered, written by the statement that did its work.

    Only success is kept: whatever is refused rolls back, its key with it. `id` is a hash of the
    key and of who sent it; `fingerprint` tells one request from another and is keyed, because
    a body may hold a password.
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
