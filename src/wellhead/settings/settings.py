"""Every knob of the database connection: its default, its unit, its range.

The only module that reads the environment. Read once, then frozen.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, NoDecode, SettingsConfigDict

from wellhead.errors import ConfigurationError, URLError
from wellhead.settings.checked import CheckedSettings, nearest
from wellhead.url import PostgresURL, SQLiteURL, parse_url

logger = logging.getLogger(__package__)

PREFIX = "DATABASE_"

PoolMode = Literal["pool", "none"]
Profile = Literal["development", "small", "large", "serverless"]

PROFILES: Mapping[Profile, Mapping[str, object]] = {
    "development": {"pool_size": 5, "max_overflow": 10},
    "small": {"pool_size": 10, "max_overflow": 20},
    "large": {"pool_size": 20, "max_overflow": 40, "pool_recycle": 1800.0},
    "serverless": {"pool_size": 5, "max_overflow": 15, "pool_recycle": 600.0},
}
"""What each profile sets where nothing else does; the rest keeps its default."""


def _parse_url(value: object) -> PostgresURL | SQLiteURL:
    if isinstance(value, PostgresURL | SQLiteURL):
        return value
    if not isinstance(value, str):
        raise URLError("The database URL must be text.")
    return parse_url(value)


def _word(value: object) -> object:
    # The sources have read the word none as the absence of a value.
    return "none" if value is None else value


DatabaseURL = Annotated[
    PostgresURL | SQLiteURL,
    PlainValidator(_parse_url),
    # Without it a dump of the settings would take the URL apart and show its password.
    PlainSerializer(str, return_type=str),
]
Seconds = Annotated[float, Field(ge=0.1, le=3600)]


class DatabaseSettings(CheckedSettings):
    """The settings of one database connection.

    Read from keyword arguments, then from the environment (``DATABASE_`` and the field's name),
    then from a ``.env`` file in the working directory, then from the profile, then the defaults.
    ``DATABASE_URL_FILE`` and ``DATABASE_URL_DIRECT_FILE`` name files to read the URLs from.

    Raises:
        SettingsError: A value outside its range, an unknown keyword, or two values that
            contradict each other. The message names the variable, the value and the range.
        URLError: The URL is missing or cannot be used. The message never holds the password.
    """

    secret_fields = ("url", "url_direct")

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_parse_none_str="none", arbitrary_types_allowed=True
    )

    # NoDecode: read as JSON, a URL would lose the quotes that were pasted along.
    url: Annotated[DatabaseURL, NoDecode]
    """Where the database is, as the provider prints it."""

    url_direct: Annotated[DatabaseURL | None, NoDecode] = None
    """The same database past its pooler, for migrations; for Neon it is derived from ``url``."""

    may_sleep: Literal["auto", "yes", "no"] = "auto"
    """Whether the database goes to sleep when nobody uses it: then nothing wakes it that no user
    caused, and ``pool_min_idle`` has no effect; ``auto`` says yes of Neon's own hosts."""

    profile: Profile | None = None
    """A preset of pool sizes; every value set by itself wins over it."""

    pool_mode: Annotated[PoolMode, BeforeValidator(_word)] = "pool"
    """``pool`` keeps connections, behind a pooler, too; ``none`` opens one for each use."""

    pool_size: Annotated[int, Field(ge=1, le=1000)] = 10
    """Connections kept open."""

    max_overflow: Annotated[int, Field(ge=0, le=1000)] = 20
    """Connections opened beyond ``pool_size`` under load, and closed when they come back."""

    pool_timeout: Annotated[float, Field(ge=0.1, le=600)] = 30.0
    """Seconds a caller waits for a connection, a new connection's set-up included."""

    pool_recycle: Annotated[float, Field(ge=-1, le=86400)] = 3600.0
    """Seconds after which a connection is closed, idle or when it comes back; -1 for never."""

    pool_lifetime_jitter: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of ``pool_recycle`` by which lifetimes are shortened at random, at the most."""

    pool_idle_timeout: Annotated[float, Field(ge=1, le=86400)] | None = 600.0
    """Seconds after which a free connection beyond ``pool_min_idle`` is closed; none for never."""

    pool_min_idle: Annotated[int, Field(ge=0, le=1000)] = 0
    """Connections kept open while nobody uses them, and replaced when they are lost; must not
    exceed ``pool_size``; without effect where the database may sleep."""

    pool_max_waiting: Annotated[int, Field(ge=0, le=100000)] | None = 100
    """Callers that may queue while every connection is in use; none for no limit."""

    pool_use_lifo: bool = True
    """Whether the connection that came back last is taken first, so that the others may age out."""

    pool_pre_ping: bool = True
    """Whether a connection that sat idle is asked for a sign of life before it is handed out."""

    pool_check_after_idle: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Seconds a connection must have been idle before ``pool_pre_ping`` asks it."""

    pool_leak_threshold: Annotated[float, Field(ge=0.1, le=86400)] | None = 60.0
    """Seconds a connection may be held before a warning names its holder; none for no warning."""

    pool_processes: Annotated[int, Field(ge=1, le=10000)] = 1
    """Processes with a pool like this one, for the warning that the server cannot serve them."""

    connect_timeout: Annotated[float, Field(ge=1, le=300)] = 10.0
    """Seconds for one connection to be made; must be less than ``pool_timeout``."""

    request_timeout: Seconds | None = 60.0
    """Seconds until the answer to a request must begin, with ``wellhead.fastapi``; more than
    ``pool_timeout``; none for no limit."""

    command_timeout: Seconds | None = 60.0
    """Seconds a statement may take before the client cancels it (asyncpg); none for no limit."""

    statement_timeout: Seconds | None = None
    """Seconds a statement may take before the server cancels it; none for the server's own."""

    lock_timeout: Seconds | None = None
    """Seconds a statement may wait for a lock; none for the server's own."""

    idle_in_transaction_timeout: Annotated[float, Field(ge=0, le=86400)] | None = None
    """Seconds a transaction may wait for its client before the server ends the connection, on
    direct connections; none for twice ``request_timeout``, 0 for the server's own."""

    connect_retry_count: Annotated[int, Field(ge=1, le=100)] = 3
    """Attempts to connect when the database is opened, the first one included."""

    connect_retry_delay: Annotated[float, Field(ge=0, le=60)] = 2.0
    """Seconds before the second attempt; doubled for each later one, with jitter."""

    startup_timeout: Annotated[float, Field(ge=0.1, le=86400)] | None = None
    """Seconds to keep trying when the database is opened, in place of a number of attempts."""

    start_degraded: bool = False
    """Whether opening goes on without the database when the first attempt fails, and tries again
    in the background until it succeeds."""

    run_timeout: Annotated[float, Field(ge=0, le=600)] = 10.0
    """Seconds within which ``run()`` may begin its unit of work again; less than
    ``request_timeout``; 0 for never."""

    migration_timeout: Annotated[float, Field(ge=1, le=86400)] = 300.0
    """Seconds that ``migrate up`` waits for another process that migrates, and again for the
    tables that one migration needs; how long its statements run is not limited."""

    migration_lock_timeout: Annotated[float, Field(ge=0.1, le=600)] = 5.0
    """Seconds a migration may queue for a table, which holds up all that queue behind it; then it
    gives way and tries again later."""

    prepared_statements: Literal["auto", "on", "off"] = "auto"
    """Named prepared statements: ``auto`` leaves them out behind a transaction pooler."""

    application_name: Annotated[str, Field(max_length=63)] | None = None
    """The name shown in ``pg_stat_activity``; wins over the URL's."""

    echo: bool = False
    """Log every statement, without its values."""

    echo_parameters: bool = False
    """Let values appear with the statements of ``echo`` and in exceptions; may expose secrets."""

    slow_query_threshold: Annotated[float, Field(ge=0, le=3600)] | None = 0.5
    """Seconds from which a statement is logged as slow; none for never."""

    def __init__(self, **values: Any) -> None:
        # Without it mypy's plugin makes one that takes each field by itself, and no **values.
        super().__init__(**values)

    @classmethod
    def _look_at(cls, source: EnvSettingsSource) -> None:
        files = (f"{name}_FILE" for name in cls.secret_fields)
        known = {cls.variable_of(name) for name in (*cls.model_fields, *files)}
        for name in sorted({str(name).upper() for name in source.env_vars}):
            if name.startswith(PREFIX) and name not in known:
                logger.warning(
                    "%s is not a setting and has no effect.%s",
                    name,
                    nearest(name, known),
                    extra={"event": "unknown_setting", "setting": name},
                )

    @classmethod
    def _refusal(cls, faults: Sequence[ErrorDetails]) -> ConfigurationError:
        for fault in faults:
            if not fault["loc"] or fault["loc"][0] not in cls.secret_fields:
                continue
            variable = cls.variable_of(str(fault["loc"][0]))
            if fault["type"] == "missing":
                return URLError(
                    f"{variable} is not set.",
                    hint="Set it to what your provider prints, such as "
                    "postgresql://user:password@host/database",
                )
            return URLError(f"{variable}: {fault['ctx']['error'].args[0]}")
        return super()._refusal(faults)

    @model_validator(mode="before")
    @classmethod
    def _fill_in_profile(cls, given: dict[str, Any]) -> dict[str, Any]:
        # What is given here comes from all sources, so the profile is below every one of them.
        values = [values for name, values in PROFILES.items() if name == given.get("profile")]
        return {**values[0], **given} if values else given

    @model_validator(mode="after")
    def _waits_nest(self) -> Self:
        if self.effective_connect_timeout >= self.pool_timeout:
            raise ValueError(
                f"DATABASE_CONNECT_TIMEOUT ({self.effective_connect_timeout:g} s) must be less "
                f"than DATABASE_POOL_TIMEOUT ({self.pool_timeout:g} s): whoever waits for a "
                "connection waits for its set-up, too."
            )
        if self.request_timeout is not None and self.pool_timeout >= self.request_timeout:
            raise ValueError(
                f"DATABASE_POOL_TIMEOUT ({self.pool_timeout:g} s) must be less than "
                f"DATABASE_REQUEST_TIMEOUT ({self.request_timeout:g} s): a request waits for its "
                "connection first."
            )
        if (
            self.request_timeout is not None
            and "run_timeout" in self.model_fields_set
            and self.run_timeout >= self.request_timeout
        ):
            raise ValueError(
                f"DATABASE_RUN_TIMEOUT ({self.run_timeout:g} s) must be less than "
                f"DATABASE_REQUEST_TIMEOUT ({self.request_timeout:g} s): what begins again then is "
                "cut at once."
            )
        idle = self.idle_in_transaction_timeout
        if idle and self.request_timeout is not None and idle <= self.request_timeout:
            raise ValueError(
                f"DATABASE_IDLE_IN_TRANSACTION_TIMEOUT ({idle:g} s) must be more than "
                f"DATABASE_REQUEST_TIMEOUT ({self.request_timeout:g} s): a request may hold its "
                "transaction for so long."
            )
        if self.pool_min_idle > self.pool_size:
            raise ValueError(
                f"DATABASE_POOL_MIN_IDLE ({self.pool_min_idle}) must not exceed "
                f"DATABASE_POOL_SIZE ({self.pool_size})."
            )
        if 0 <= self.pool_recycle < 1:
            raise ValueError("DATABASE_POOL_RECYCLE must be -1 (never) or from 1 to 86400.")
        return self

    @property
    def effective_may_sleep(self) -> bool:
        """Whether the database goes to sleep: the setting, else whether the hosts are Neon's."""
        if self.may_sleep == "auto":
            return isinstance(self.url, PostgresURL) and self.url.provider == "neon"
        return self.may_sleep == "yes"

    @property
    def effective_connect_timeout(self) -> float:
        """Seconds for one connection: the setting, else the URL's ``connect_timeout``, else 10."""
        from_url = getattr(self.url, "connect_timeout", None)
        if from_url and "connect_timeout" not in self.model_fields_set:
            return float(from_url)
        return self.connect_timeout

    @property
    def effective_command_timeout(self) -> float | None:
        """Seconds for one statement: the setting, else the URL's ``command_timeout``, else 60."""
        from_url = getattr(self.url, "command_timeout", None)
        if from_url and "command_timeout" not in self.model_fields_set:
            return float(from_url)
        return self.command_timeout

    @property
    def effective_run_timeout(self) -> float:
        """Seconds within which ``run()`` begins again: the setting, at most a request's."""
        if self.request_timeout is None:
            return self.run_timeout
        return min(self.run_timeout, self.request_timeout)

    @property
    def effective_idle_in_transaction_timeout(self) -> float | None:
        """Seconds for a transaction without its client; None for the server's own limit."""
        if self.idle_in_transaction_timeout is not None:
            return self.idle_in_transaction_timeout or None
        return None if self.request_timeout is None else 2 * self.request_timeout

    def direct_url(self) -> PostgresURL | SQLiteURL:
        """Where migrations and session locks go: ``url_direct``, else the twin of ``url``.

        Raises:
            URLError: ``url`` leads to a pooler whose direct address cannot be derived.
        """
        if self.url_direct is not None:
            return self.url_direct
        return self.url.direct() if isinstance(self.url, PostgresURL) else self.url
