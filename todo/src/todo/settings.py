"""Every setting of the application, read once from the environment and `.env`.

The database's settings are Wellhead's own (`DATABASE_*`); here are those of the seeds under their
names and the few that the application adds. A setting that cannot be used stops the start with
one sentence that names it, its value and what it takes.
"""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from limits import parse
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode, SettingsConfigDict

from todo import __version__
from todo.mailing import MailSettings
from wellhead import DatabaseSettings

KEY_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""The shortest allowed secret for each algorithm: its digest's length (RFC 7518, section 3.2)."""

PLACEHOLDERS = ("changethis", "changeme", "change-", "change_", "secret", "password", "example")
"""Words that occur in copied configuration, and practically never in a random secret."""

DISTINCT_CHARACTERS = 10
"""With fewer distinct characters than this, a secret cannot be random, not even in hex."""

MOST_ACCESS_MINUTES = 24 * 60
"""An access token cannot be taken back, so it must not last as long as a login."""

NEW_KEY = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"

ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s?#@]+", re.IGNORECASE)


def split(value: object) -> object:
    """A list from `a, b` or from JSON's `["a", "b"]`."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError as error:
            raise ValueError("it starts with '[' but is not a JSON list") from error
    return [part for part in (part.strip() for part in text.split(",")) if part]


def absolute(path: Path) -> Path:
    """The path from the root, so that messages name it wherever they are read."""
    return path.expanduser().absolute()


def rate(value: str) -> str:
    """A valid rate, such as `10 per 15 minutes`."""
    try:
        parse(value)
    except ValueError as error:
        raise ValueError("it must read like '10 per 15 minutes' or '100/hour'") from error
    return value


Listed = Annotated[list[str], NoDecode, BeforeValidator(split)]
Rate = Annotated[str, AfterValidator(rate)]


class Settings(MailSettings):
    """The application's settings; each variable is the name in capitals.

    Raises:
        SettingsError: One sentence for each setting that cannot be used.
    """

    secret_fields = ("jwt_secret_key", "jwt_previous_secret_keys", "smtp_password")

    model_config = SettingsConfigDict(str_strip_whitespace=True)

    app_env: Literal["development", "production"] = "development"
    """`production` generates nothing: no secret, no database, no demo account."""

    app_name: str = Field(default="Todo API", min_length=1, max_length=100)
    """The name in the documentation and on the welcome page."""

    app_version: str = Field(default=__version__, min_length=1, max_length=50)
    """The version in the documentation and on the welcome page."""

    debug: bool = False
    """Log everything (`LOG_LEVEL` is then `DEBUG`); responses stay the same."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """The address that `todo serve` listens on; `0.0.0.0` for every address of the machine."""

    port: int = Field(default=8000, ge=0, le=65535)
    """The port that `todo serve` listens on; 0 takes any free one."""

    reload: bool = False
    """Restart when the code changes; for development of the application itself."""

    drain_seconds: float = Field(default=1.0, ge=0, le=300)
    """How long requests are still accepted after SIGTERM, while `/health/ready` responds 503."""

    metrics: bool = False
    """Whether `/metrics` reports to Prometheus, and to anyone who can reach it, how busy it is."""

    data_dir: Annotated[Path, AfterValidator(absolute)] = Field(
        default=Path(".wellhead"), validate_default=True
    )
    """Where development stores what it generates: the embedded database and the secret."""

    body_limit: ByteSize = Field(default=ByteSize(1024 * 1024), ge=1024, le=100 * 1024 * 1024)
    """The largest request body: bytes, or with a unit, such as `2MiB`."""

    log_format: Literal["text", "json"] = "text"
    """Log lines for people, or for machines."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    """The lowest level of log lines that are written."""

    access_log: bool = True
    """Whether there is a log line for each request, with its route and status."""

    access_log_clients: bool = False
    """Whether these lines have the client's address."""

    cors_origins: Annotated[list[str] | None, NoDecode, BeforeValidator(split)] = None
    """The origins whose pages may call the API from a browser; `*` for all, no credentials. None:
    in development pages from any port of this machine, in production no page."""

    cors_allow_credentials: bool = True
    """Whether those pages may send cookies and HTTP authentication."""

    cors_allow_methods: Listed = Field(default=["*"])
    """Which methods those pages may use."""

    cors_allow_headers: Listed = Field(default=["*"])
    """Which headers those pages may send."""

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

    login_attempts_per_account: Rate = "10 per 15 minutes"
    """Tries at one account's password; the right one resets the count."""

    login_attempts_per_address: Rate = "100 per 15 minutes"
    """Tries at any password from one client, right or wrong."""

    registrations_per_address: Rate = "60 per hour"
    """New accounts from one client."""

    resets_per_account: Rate = "5 per hour"
    """Mails with a link to a new password for one address, whether it has an account or not."""

    resets_per_address: Rate = "20 per hour"
    """The same from one client, for any address."""

    password_reset_expire_minutes: int = Field(default=30, ge=5, le=24 * 60)
    """How long such a link works."""

    registration: Literal["open", "invite", "closed"] = "open"
    """Who can register: everyone, everyone with an invite (`todo user invite`), or nobody."""

    # These three are OWASP's minimum for Argon2id:
    # https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
    argon2_time_cost: int = Field(default=2, ge=1, le=10)
    """Passes of a password hash. Hashes that took less work are renewed at the next login."""

    argon2_memory_kib: int = Field(default=19 * 1024, ge=7 * 1024, le=1024 * 1024)
    """Memory of a password hash in KiB; times the passes, it is the work."""

    argon2_parallelism: int = Field(default=1, ge=1, le=16)
    """Threads of a password hash."""

    argon2_concurrency: int = Field(default=2, ge=1, le=64)
    """Concurrent password hashes in each worker; 16 times as many may queue."""

    idempotency_key_expire_hours: int = Field(default=24, ge=1, le=30 * 24)
    """How long an `Idempotency-Key` returns the first response; after that it counts as new."""

    deleted_tasks_keep_days: int = Field(default=30, ge=1, le=3650)
    """How long deleted tasks can be restored at least; `todo cleanup` then forgets them."""

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

    @field_validator("log_level", mode="before")
    @classmethod
    def _capitals(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, origins: list[str] | None) -> list[str] | None:
        for origin in origins or ():
            if not ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is not an origin; write scheme, host and port without a path, "
                    "such as https://app.example.com"
                )
        return origins

    @model_validator(mode="after")
    def _together(self) -> Self:
        if "*" in (self.cors_origins or ()) and self.cors_allow_credentials:
            raise ValueError(
                "CORS_ORIGINS allows every origin ('*') while CORS_ALLOW_CREDENTIALS is true; name "
                "the origins, or set CORS_ALLOW_CREDENTIALS=false."
            )
        if self.jwt_refresh_token_expire_minutes <= self.jwt_access_token_expire_minutes:
            raise ValueError(
                f"JWT_REFRESH_TOKEN_EXPIRE_MINUTES is {self.jwt_refresh_token_expire_minutes}; it "
                "must be more than JWT_ACCESS_TOKEN_EXPIRE_MINUTES, which is "
                f"{self.jwt_access_token_expire_minutes}."
            )
        self._check_keys()
        return self

    def _check_keys(self) -> None:
        if self.jwt_secret_key is not None:
            self._check_key("JWT_SECRET_KEY", self.jwt_secret_key.get_secret_value())
        elif self.is_production:
            raise ValueError(f"JWT_SECRET_KEY is missing, and APP_ENV is production; {NEW_KEY}")
        for number, key in enumerate(self.previous_keys, start=1):
            self._check_key(f"Number {number} of JWT_PREVIOUS_SECRET_KEYS", key)

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

    def database(self) -> DatabaseSettings:
        """Wellhead's settings, from the environment; the application name is `APP_NAME`.

        Raises:
            URLError: `DATABASE_URL` is missing or cannot be used.
            SettingsError: Another of them cannot be used.
        """
        return DatabaseSettings().named(self.app_name)

    @property
    def is_production(self) -> bool:
        """Whether `APP_ENV` is `production`: then nothing is generated."""
        return self.app_env == "production"

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

    @property
    def password_reset_lifetime(self) -> timedelta:
        """How long a link to a new password works."""
        return timedelta(minutes=self.password_reset_expire_minutes)

    @property
    def idempotency_lifetime(self) -> timedelta:
        """How long the response to a request with a key is stored."""
        return timedelta(hours=self.idempotency_key_expire_hours)
