"""Requests and responses about accounts; no response ever contains a hash."""

import re
from datetime import datetime
from typing import Annotated, Literal, TypedDict, cast
from uuid import UUID

from email_validator import SPECIAL_USE_DOMAIN_NAMES
from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field, SecretStr
from pydantic_core import PydanticCustomError

from todo.patch import PATCH_CONFIG
from todo.text import LINE_PATTERN

BEARER: Literal["bearer"] = "bearer"


def blank_is_none(value: str | None) -> str | None:
    """The text without surrounding space, or None if nothing is left."""
    return (value or "").strip() or None


def whole_text(value: SecretStr) -> SecretStr:
    """A secret that can be written as UTF-8; pydantic itself checks only other texts.

    Raises:
        PydanticCustomError: It contains a lone surrogate.
    """
    try:
        value.get_secret_value().encode()
    except UnicodeEncodeError:
        raise PydanticCustomError(
            "string_unicode", "Input should be a valid string, without lone surrogates"
        ) from None
    return value


def in_any_case(name: str) -> str:
    """A pattern for a name in any case; patterns of JSON Schema have no flag for it."""
    return "".join(f"[{c}{c.upper()}]" if c.isalpha() else re.escape(c) for c in name)


RESERVED_DOMAINS = rf"[.@]({'|'.join(map(in_any_case, SPECIAL_USE_DOMAIN_NAMES))})$"
"""Domains that receive no mail, as a pattern; `email-validator` refuses addresses there."""

Email = Annotated[
    EmailStr,
    Field(
        max_length=254,
        examples=["ada@example.com"],
        json_schema_extra={"not": {"pattern": RESERVED_DOMAINS}},
    ),
]

Password = Annotated[
    SecretStr,
    AfterValidator(whole_text),
    Field(min_length=8, max_length=128, examples=["correct horse battery staple"]),
]
"""A new password; 8 to 128 characters of any script, and not the e-mail address."""

GivenPassword = Annotated[
    SecretStr,
    AfterValidator(whole_text),
    Field(min_length=1, max_length=128, examples=["correct horse battery staple"]),
]
"""A password to be checked: whatever it is, it is right or wrong."""

Name = Annotated[
    Annotated[str, Field(max_length=100, pattern=LINE_PATTERN, examples=["Ada"])] | None,
    AfterValidator(blank_is_none),
]


class StrictBody(BaseModel):
    """The base of all request bodies: an unknown member is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")


class Registration(StrictBody):
    """A new account."""

    email: Email
    password: Password
    name: Name = None
    invite: Annotated[
        str | None,
        Field(min_length=1, max_length=200, description="Where registration needs one: an invite."),
    ] = None


class LoginForm(BaseModel):
    """The password form of OAuth 2 (RFC 6749, section 4.3.2); the user name is the e-mail.

    Clients may send `scope`, `client_id` and `client_secret`; they have no effect.
    """

    grant_type: Literal["password"] = "password"
    username: Annotated[
        str, Field(max_length=254, min_length=1, pattern=LINE_PATTERN, examples=["ada@example.com"])
    ]
    password: GivenPassword


class Refresh(StrictBody):
    """The refresh token that came with the last pair."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=4096)]


class PasswordChange(StrictBody):
    """The current password, as a proof, and the new one."""

    current_password: GivenPassword
    new_password: Password


class AccountDeletion(StrictBody):
    """The password, as a proof."""

    password: GivenPassword


class AccountRead(BaseModel):
    """An account as its owner sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: Annotated[UUID, Field(description="Part of the paths of your tasks and tags.")]
    email: Annotated[str, Field(examples=["ada@example.com"])]
    name: Annotated[str | None, Field(examples=["Ada"])]
    created_at: datetime


class TokenPair(BaseModel):
    """An access token for the next minutes, and a refresh token for the next pair."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = BEARER
    expires_in: Annotated[int, Field(description="Seconds until the access token expires.")]
    refresh_expires_in: Annotated[
        int, Field(description="Seconds until the refresh token expires, unless it is used.")
    ]


class AccountChanges(TypedDict, total=False):
    """The fields of an account to change."""

    name: str | None
    email: str


class AccountPatch(BaseModel):
    """Changes to an account: what is absent stays as it is, and null clears the name."""

    model_config = PATCH_CONFIG

    name: Name = None
    email: Email = ""
    current_password: Annotated[
        GivenPassword | None, Field(description="Needed for another e-mail address.")
    ] = None

    def changes(self) -> AccountChanges:
        """The fields that were sent, without the password."""
        sent = self.model_dump(exclude_unset=True, exclude={"current_password"})
        return cast("AccountChanges", sent)


class ForgottenPassword(StrictBody):
    """The address of the account whose password is lost."""

    email: Email


class NewPassword(StrictBody):
    """The token from the mail, and the new password."""

    token: Annotated[str, Field(min_length=1, max_length=200)]
    new_password: Password


class Accepted(BaseModel):
    """What happens now."""

    message: str
