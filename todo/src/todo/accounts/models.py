"""The tables of accounts: users, their logins and networks, what opens an account, and counters."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index, LargeBinary, Text
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlmodel import Field, SQLModel, col

from todo.models import TIMESTAMP, new_id, utc_now
from todo.text import fold_email

EMAIL_INDEX = "uq_users_email_folded"
"""The unique index that distinguishes a taken e-mail address from every other conflict."""


NO_ELEMENTS = {"server_default": "{}"}


def _folded(context: DefaultExecutionContext) -> str:
    assert context.current_parameters is not None  # noqa: S101 - a row is being inserted
    return fold_email(context.current_parameters["email"])


class User(SQLModel, table=True):
    """An account.

    Attributes:
        email: The address as it was typed.
        email_folded: The address as it is compared, see `todo.text.fold_email`.
        password_version: How often the password has been changed. A new hash of the same password
            does not count.
    """

    __tablename__ = "users"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    email: str = Field(sa_type=Text)
    email_folded: str = Field(
        default=None, sa_type=Text(collation="C"), sa_column_kwargs={"default": _folded}
    )
    name: str | None = Field(default=None, sa_type=Text)
    password_hash: str = Field(sa_type=Text)
    password_version: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    created_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)
    updated_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)


Index(EMAIL_INDEX, col(User.email_folded), unique=True)


class Login(SQLModel, table=True):
    """One login on one device, alive as long as its refresh token is used in time.

    Only hashes of refresh tokens are stored. A genuine token that is neither the current one nor
    was exchanged a moment ago has been used before.

    Attributes:
        token_hash: The hash of the current refresh token.
        spent_hashes: The hashes of the tokens before it, latest first.
        spent_at: When each of those was exchanged.
    """

    __tablename__ = "logins"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    token_hash: bytes = Field(sa_type=LargeBinary)
    spent_hashes: list[bytes] = Field(
        default_factory=list, sa_type=ARRAY(LargeBinary), sa_column_kwargs=NO_ELEMENTS
    )
    spent_at: list[datetime] = Field(
        default_factory=list, sa_type=ARRAY(TIMESTAMP), sa_column_kwargs=NO_ELEMENTS
    )
    device: str | None = Field(default=None, sa_type=Text)
    network: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)
    last_used_at: datetime = Field(default_factory=utc_now, sa_type=TIMESTAMP)
    expires_at: datetime = Field(sa_type=TIMESTAMP, index=True)


class KnownNetwork(SQLModel, table=True):
    """A network from which the owner of an account registered or logged in, as a keyed hash."""

    __tablename__ = "known_networks"

    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", primary_key=True)
    network_hash: bytes = Field(sa_type=LargeBinary, primary_key=True)
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
    email_folded: str | None = Field(default=None, sa_type=Text(collation="C"))
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
