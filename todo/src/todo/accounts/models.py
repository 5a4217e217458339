"""The tables of accounts: users, what opens an account, and counters of attempts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, Text, func
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
    device: str | None = Field(default=None, sa_type=Text)
    network: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)
    last_used_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)
    expires_at: datetime = Field(sa_type=TIMESTAMP, index=True)


class ApiToken(SQLModel, table=True):
    """A token that its owner gives to a program; only its hash is stored."""

    __tablename__ = "api_tokens"
    __table_args__ = (CheckConstraint("scope IN ('read', 'write')", name="scope_known"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    name: str = Field(sa_type=Text)
    scope: str = Field(sa_type=Text)
    token_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    created_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)
    last_used_at: datetime | None = Field(default=None, sa_type=TIMESTAMP)
    expires_at: datetime | None = Field(default=None, sa_type=TIMESTAMP, index=True)


class PasswordReset(SQLModel, table=True):
    """A link that was mailed to an account; it works until one of them is used."""

    __tablename__ = "password_resets"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    token_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    created_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)
    expires_at: datetime = Field(sa_type=TIMESTAMP, index=True)


class Invite(SQLModel, table=True):
    """Lets one person register, or only the one with this address."""

    __tablename__ = "invites"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    token_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    email_folded: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)
    expires_at: datetime = Field(sa_type=TIMESTAMP, index=True)


class InviteUse(SQLModel, table=True):
    """That an invite was used, even if the account has been deleted since.

    A row of its own, so that of two registrations with one invite the second breaks a constraint,
    and nothing of it is stored.
    """

    __tablename__ = "invite_uses"

    invite_id: UUID = Field(primary_key=True, foreign_key="invites.id", ondelete="CASCADE")
    used_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)


class LoginAttempt(SQLModel, table=True):
    """How often one subject (an account or an address, hashed) tried within one window."""

    __tablename__ = "login_attempts"

    key: str = Field(primary_key=True, sa_type=Text)
    hits: int
    expires_at: datetime = Field(sa_type=TIMESTAMP, index=True)
