"""Settings of tokens: the secrets that sign them, and how long they last."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode

from todo.listed import split
from wellhead.settings import CheckedSettings

KEY_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""The shortest allowed secret for each algorithm: its digest's length (RFC 7518, section 3.2)."""

PLACEHOLDERS = ("changethis", "changeme", "change-", "change_", "secret", "password", "example")
"""Words that occur in copied configuration, and practically never in a random secret."""

DISTINCT_CHARACTERS = 10
"""With fewer distinct characters than this, a secret cannot be random, not even in hex."""

MOST_ACCESS_MINUTES = 24 * 60
"""An access token cannot be taken back, so it must not last as long as a login."""

NEW_KEY = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"


class TokenSettings(CheckedSettings):
    """How tokens are signed, and how long they last."""

    jwt_secret_key: SecretStr | None = None
    """The secret that signs tokens: random, at least as long as the digest. A change of it ends
    every login, unless the old one is among `JWT_PREVIOUS_SECRET_KEYS`."""

    jwt_previous_secret_keys: Annotated[list[SecretStr], NoDecode, BeforeValidator(split)] = Field(
        default=[]
    )
    """Secrets whose tokens are accepted, too: those of before, or the one that comes next."""

    jwt_algorithm: Literal["HS256", "HS384", "HS512"] = "HS256"
    """How tokens are signed; a token with any other algorithm is refused."""

    jwt_access_token_expire_minutes: int = Field(default=15, ge=1, le=MOST_ACCESS_MINUTES)
    """How long an access token is valid, even after its login or account has ended."""

    jwt_refresh_token_expire_minutes: int = Field(default=7 * 24 * 60, ge=5, le=365 * 24 * 60)
    """How long an unused login lasts; each refresh restarts the time."""

    jwt_refresh_grace_seconds: int = Field(default=20, ge=0, le=60)
    """How long an exchanged refresh token still gives the current one: to a second tab, or where
    a response was lost. Then its use ends the login."""

    jwt_issuer: str = Field(default="todo-api", min_length=1, max_length=200)
    """The `iss` of tokens; others are refused."""

    jwt_audience: str = Field(default="todo-api", min_length=1, max_length=200)
    """The `aud` of tokens; others are refused."""

    @field_validator("jwt_secret_key", mode="before")
    @classmethod
    def _empty_is_missing(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("jwt_access_token_expire_minutes", mode="wrap")
    @classmethod
    def _no_login(cls, value: object, check: ValidatorFunctionWrapHandler) -> object:
        try:
            return check(value)
        except ValidationError as error:
            if error.errors()[0]["type"] != "less_than_equal":
                raise
            raise ValueError(
                f"it must be at most {MOST_ACCESS_MINUTES}, because neither a logout nor a new "
                "password ends an access token. For a login of that length set "
                f"JWT_REFRESH_TOKEN_EXPIRE_MINUTES={value} in its place; POST /api/auth/refresh "
                "then gives the next access token"
            ) from None

    @model_validator(mode="after")
    def _tokens_together(self) -> Self:
        if self.jwt_refresh_token_expire_minutes <= self.jwt_access_token_expire_minutes:
            raise ValueError(
                f"JWT_REFRESH_TOKEN_EXPIRE_MINUTES is {self.jwt_refresh_token_expire_minutes}; it "
                "must be more than JWT_ACCESS_TOKEN_EXPIRE_MINUTES, which is "
                f"{self.jwt_access_token_expire_minutes}."
            )
        if self.jwt_secret_key is not None:
            self._check_key("JWT_SECRET_KEY", self.jwt_secret_key.get_secret_value())
        for number, key in enumerate(self.previous_keys, start=1):
            self._check_key(f"Number {number} of JWT_PREVIOUS_SECRET_KEYS", key)
        return self

    def _check_key(self, name: str, key: str) -> None:
        size, least = len(key.encode()), KEY_BYTES[self.jwt_algorithm]
        if size < least:
            raise ValueError(
                f"{name} has {size} bytes; {self.jwt_algorithm} needs at least {least}; {NEW_KEY}"
            )
        distinct = len(set(key))
        if distinct < DISTINCT_CHARACTERS:
            raise ValueError(
                f"{name} has only {distinct} distinct characters and can be guessed; {NEW_KEY}"
            )
        if any(word in key.casefold() for word in PLACEHOLDERS):
            raise ValueError(f"{name} is a placeholder from an example; {NEW_KEY}")

    @property
    def access_lifetime(self) -> timedelta:
        """How long an access token is valid."""
        return timedelta(minutes=self.jwt_access_token_expire_minutes)

    @property
    def refresh_lifetime(self) -> timedelta:
        """How long a refresh token can be used."""
        return timedelta(minutes=self.jwt_refresh_token_expire_minutes)

    @property
    def refresh_grace(self) -> timedelta:
        """How long an exchanged refresh token still gives the current one."""
        return timedelta(seconds=self.jwt_refresh_grace_seconds)

    @property
    def previous_keys(self) -> tuple[str, ...]:
        """The secrets whose tokens are accepted, too."""
        return tuple(key.get_secret_value() for key in self.jwt_previous_secret_keys)
