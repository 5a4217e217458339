"""Every setting of the application, read once from the environment and `.env`.

The database's settings are Wellhead's own (`DATABASE_*`); here are those of the seeds under their
names and the few that the application adds. A setting that cannot be used stops the start with
one sentence that names it, its value and what it takes.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ByteSize, Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from todo import __version__
from todo.accounts.access_settings import AccessSettings
from todo.accounts.token_settings import NEW_KEY, TokenSettings
from todo.mailing import MailSettings
from todo.web.cors_settings import CORSSettings
from wellhead import DatabaseSettings, SettingsError

SHOWN_IN_DEVELOPMENT = {"server_timing": True, "repeated_query_threshold": 10, "live_page": True}
"""Wellhead's settings that show in development what requests do in the database."""


def absolute(path: Path) -> Path:
    """The path from the root, so that messages name it wherever they are read."""
    return path.expanduser().absolute()


class Settings(AccessSettings, TokenSettings, CORSSettings, MailSettings):
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

    idempotency_key_expire_hours: int = Field(default=24, ge=1, le=30 * 24)
    """How long an `Idempotency-Key` returns the first response; after that it counts as new."""

    deleted_tasks_keep_days: int = Field(default=30, ge=1, le=3650)
    """How long deleted tasks can be restored at least; `todo cleanup` then forgets them."""

    @field_validator("log_level", mode="before")
    @classmethod
    def _capitals(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_key(self) -> Self:
        if self.is_production and self.jwt_secret_key is None:
            raise ValueError(f"JWT_SECRET_KEY is missing, and APP_ENV is production; {NEW_KEY}")
        return self

    def database(self) -> DatabaseSettings:
        """Wellhead's settings, from the environment; the application name is `APP_NAME`.

        In development, requests show what they do in the database, and `/db` shows it live, unless
        the settings say not to. In production that page needs a token, and has no plans.

        Raises:
            URLError: `DATABASE_URL` is missing or cannot be used.
            SettingsError: Another of them cannot be used.
        """
        settings = DatabaseSettings().named(self.app_name)
        if self.is_production:
            if settings.live_page:
                raise SettingsError(
                    "DATABASE_LIVE_PAGE is true, and APP_ENV is production; set "
                    "DATABASE_LIVE_PAGE_TOKEN alone to have the page for those who know the token."
                )
            return settings
        unset = SHOWN_IN_DEVELOPMENT.keys() - settings.model_fields_set
        return settings.model_copy(update={name: SHOWN_IN_DEVELOPMENT[name] for name in unset})

    @property
    def is_production(self) -> bool:
        """Whether `APP_ENV` is `production`: then nothing is generated."""
        return self.app_env == "production"

    @property
    def idempotency_lifetime(self) -> timedelta:
        """How long the response to a request with a key is stored."""
        return timedelta(hours=self.idempotency_key_expire_hours)
