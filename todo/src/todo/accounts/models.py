"""The tables of accounts: users, their logins, and counters of attempts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, Text, func
from sqlmodel import Field, SQLModel

from todo.models import TIMESTAMP, new_id, utc_now

EMAIL_INDEX = "uq_users_email_lower"
"""The unique index that distinguishes a taken e-mail address from every other conflict."""


class User(SQLModel, table=True):
    """An account. The address is stored as typed and is unique without regard to case."""

    __tablename__ = "users"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    email: str = Field(sa_type=Text)
    name: str | None = Field(default=None, sa_type=Text)
    password_hash: str = Field(sa_type=Text)
    created_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)


Index(EMAIL_INDEX, func.lower(User.email), unique=True)


class Login(SQLModel, table=True):
    """One login on one device, alive as long as its refresh token is used in time.

    Only the hash of the currently valid refresh token is stored: a genuine token with another hash
    has been used before.
    """

    __tablename__ = "logins"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    token_hash: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)
    last_used_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)
    expires_at: datetime = Field(sa_type=TIMESTAMP, index=True)


class LoginAttempt(SQLModel, table=True):
    """How often one subject (an account or an address, hashed) tried within one window."""

    __tablename__ = "login_attempts"

    key: str = Field(primary_key=True, sa_type=Text)
    hits: int
    expires_at: datetime = Field(sa_type=TIMESTAMP, index=True)
