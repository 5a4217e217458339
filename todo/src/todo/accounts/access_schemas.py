"""Requests and responses about what opens an account: its logins and API tokens."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from todo.accounts.api_tokens import Scope
from todo.accounts.logins import ListedLogin
from todo.accounts.schemas import StrictBody
from todo.paging import Cursor, NextCursor, Position, decode_cursor, encode_cursor
from todo.text import FILLED_LINE_PATTERN, filled_line

_SCOPE = "logins, newest first"
_NOTHING: TypeAdapter[None] = TypeAdapter(None)


class LoginRead(BaseModel):
    """A login on one device."""

    id: UUID
    is_current: Annotated[bool, Field(description="Whether this request was sent with it.")]
    device: Annotated[
        str | None,
        Field(
            description="The program that logged in, by its own account; null if it did not say.",
            examples=["Firefox on Linux"],
        ),
    ]
    network: Annotated[
        str | None,
        Field(
            description="Where it logged in: an IPv4 address, or the /64 of an IPv6 address.",
            examples=["192.0.2.1"],
        ),
    ]
    created_at: datetime
    last_used_at: Annotated[datetime, Field(description="When its tokens were last refreshed.")]
    expires_at: Annotated[datetime, Field(description="When it ends, unless it is refreshed.")]

    @classmethod
    def of(cls, login: ListedLogin, *, current: UUID) -> Self:
        """A login as its owner sees it from another one, or from this."""
        # `asdict` would copy every value, and an id that is copied costs more than all else here.
        values = {each: getattr(login, each) for each in ListedLogin.__slots__}
        return cls(is_current=login.id == current, **values)


class LoginPage(BaseModel):
    """A page of the list of logins."""

    items: list[LoginRead]
    next_cursor: NextCursor


class LoginQuery(BaseModel):
    """Which page of the logins to list; they come newest first."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100, description="Logins on a page.")] = 100
    cursor: Cursor = None

    @field_validator("cursor")
    @classmethod
    def _is_of_this_list(cls, cursor: str | None) -> str | None:
        if cursor is not None:
            decode_cursor(cursor, scope=_SCOPE, kind=_NOTHING)
        return cursor

    @property
    def after(self) -> Position | None:
        """Where the page starts."""
        if self.cursor is None:
            return None
        return decode_cursor(self.cursor, scope=_SCOPE, kind=_NOTHING)


def login_cursor(position: Position | None) -> str | None:
    """The cursor for a position in the list of logins; None stays None."""
    return None if position is None else encode_cursor(position, scope=_SCOPE, kind=_NOTHING)


class ApiTokenCreate(StrictBody):
    """A new personal API token."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=100,
            examples=["Backup script"],
            json_schema_extra={"pattern": FILLED_LINE_PATTERN},
        ),
        AfterValidator(filled_line),
    ]
    scope: Annotated[Scope, Field(description="`read` for GET only; `write` for everything.")]
    expires_in_days: Annotated[
        int | None, Field(ge=1, le=3650, description="When it expires; null for never.")
    ] = None


class ApiTokenRead(BaseModel):
    """A personal API token, without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    scope: Scope
    created_at: datetime
    last_used_at: Annotated[datetime | None, Field(description="To the hour; null if unused.")]
    expires_at: Annotated[datetime | None, Field(description="Null if it never expires.")]


class ApiTokenCreated(ApiTokenRead):
    """A new personal API token, with its secret, which is shown this once."""

    token: Annotated[str, Field(description="Send it as `Authorization: Bearer ...`.")]


class ApiTokenList(BaseModel):
    """All API tokens of an account, newest first."""

    items: list[ApiTokenRead]
