"""Every setting of the database connection: its default, its unit, its range.

The only module that reads the environment. Read once, then frozen.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from wellhead.settings.application import fit, program
from wellhead.settings.checked import Contradiction
from wellhead.settings.migrating import PREFIX, MigrationSettings
from wellhead.settings.pooling import PoolSettings
from wellhead.settings.standbys import ReplicaSettings, long_enough
from wellhead.settings.unknown import split
from wellhead.url import PostgresURL

Seconds = Annotated[float, Field(ge=0.1, le=3600)]


class DatabaseSettings(MigrationSettings, PoolSettings, ReplicaSettings):
    """The settings of one database connection.

    Read from keyword arguments, then from the environment (``DATABASE_`` and the field's name),
    then from a ``.env`` file in the working directory, then from the profile, then the defaults.
    ``DATABASE_URL_FILE``, ``DATABASE_URL_DIRECT_FILE``, ``DATABASE_USER_FILE``,
    ``DATABASE_PASSWORD_FILE``, ``DATABASE_REPLICA_URL_FILE``, ``DATABASE_PATRONI_URL_FILE``,
    ``DATABASE_REPLICA_KEY_FILE`` and ``DATABASE_LIVE_PAGE_TOKEN_FILE`` name files to read these
    values from.

    If a database is given in code, by ``url`` or its parts, neither the environment nor ``.env``
    is read.

    Args:
        values: The fields given in code; and ``env_prefix``, a prefix for the variables in place
            of ``DATABASE_``, for a further database, such as ``ARCHIVE_DATABASE_``.

    Raises:
        SettingsError: A value outside its range, an unknown keyword, or two values that
            contradict each other. The message names the variable, the value and the range.
        URLError: The URL is missing or cannot be used. The message never holds the password.
    """

    secret_fields = (*ReplicaSettings.secret_fields, "live_page_token")

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_parse_none_str="none",
        arbitrary_types_allowed=True,
        defer_build=False,
    )

    application_variables: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split)] = ()
    """The application's own variables that begin with the same prefix, about which no warning is
    logged; ``*`` matches any rest."""

    may_sleep: Literal["auto", "yes", "no"] = "auto"
    """Whether the database goes to sleep when unused: then only user requests wake it, and
    ``pool_min_idle`` has no effect; ``auto`` means yes for Neon's own hosts."""

    connect_timeout: Annotated[float, Field(ge=1, le=300)] = 10.0
    """Seconds to establish one connection; must be less than ``pool_timeout``."""

    request_timeout: Seconds | None = 60.0
    """Seconds until the response to a request must begin, with ``wellhead.fastapi``; more than
    ``pool_timeout``; none for no limit."""

    command_timeout: Seconds | None = 60.0
    """Seconds a statement may take before the client cancels it (asyncpg); none for no limit."""

    statement_timeout: Seconds | None = None
    """Seconds a statement may take before the server cancels it; none for the server's default."""

    lock_timeout: Seconds | None = None
    """Seconds a statement may wait for a lock; none for the server's default."""

    idle_in_transaction_timeout: Annotated[float, Field(ge=0, le=86400)] | None = None
    """Seconds a transaction may idle before the server ends the connection, on direct connections;
    none for twice ``request_timeout``, 0 for the server's default."""

    connect_retry_count: Annotated[int, Field(ge=1, le=100)] = 3
    """Attempts to connect when the database is opened, including the first one."""

    connect_retry_delay: Annotated[float, Field(ge=0, le=60)] = 2.0
    """Seconds before the second attempt; doubled for each later one, with jitter."""

    startup_timeout: Annotated[float, Field(ge=0.1, le=86400)] | None = None
    """Seconds to keep trying when the database is opened, in place of a number of attempts."""

    start_degraded: bool = False
    """Whether the application starts without the database if the first attempt fails, and keeps
    trying in the background until it succeeds."""

    run_timeout: Annotated[float, Field(ge=0, le=600)] = 10.0
    """Seconds within which ``run()`` may start its unit of work again, and a reader's statement may
    be sent again; less than ``request_timeout``. 0 for never: then a reader's is sent once more."""

    prepared_statements: Literal["auto", "on", "off"] = "auto"
    """Named prepared statements: ``auto`` avoids them behind a transaction pooler."""

    application_name: Annotated[str, Field(max_length=63)] | None = None
    """The name shown in ``pg_stat_activity``; overrides the URL's. Without either it is the name of
    the program, and on direct connections the machine, as in ``shop.main@web-1``."""

    jit: bool | None = None
    """Whether the server may use JIT, on direct connections; none for the server's default."""

    echo: bool = False
    """Log every statement, without its values."""

    echo_parameters: bool = False
    """Show values with the statements of ``echo`` and in exceptions; may expose secrets."""

    slow_query_threshold: Annotated[float, Field(ge=0, le=3600)] | None = 0.5
    """Seconds from which on a statement is logged as slow; none for never."""

    server_timing: bool = False
    """Whether responses say in a ``Server-Timing`` header how long a request took in the database,
    with ``wellhead.fastapi``; for development."""

    repeated_query_threshold: Annotated[int, Field(ge=1, le=10000)] | None = None
    """How often a request may run the same statement before a warning names the line that runs it,
    with ``wellhead.fastapi``; none for any number."""

    live_page: bool = False
    """Whether ``/db`` shows the database live, with the plans of statements, with
    ``wellhead.fastapi``; for development. Without ``live_page_token`` it is open to anyone who can
    reach it, at ``localhost`` and at IP addresses."""

    live_page_token: Annotated[SecretStr | None, NoDecode, AfterValidator(long_enough)] = None
    """The token that ``/db`` asks for; at least 32 characters, the same in all processes. It alone
    switches the page on, without plans."""

    def __init__(self, **values: Any) -> None:
        # Otherwise mypy's plugin generates one that takes each field, and no **values.
        super().__init__(**values)

    @model_validator(mode="after")
    def _waits_nest(self) -> Self:
        if self.effective_connect_timeout >= self.pool_timeout:
            raise Contradiction(
                f"{{connect_timeout}} ({self.effective_connect_timeout:g} s) must be less "
                f"than {{pool_timeout}} ({self.pool_timeout:g} s): waiting for a connection "
                "includes its set-up."
            )
        if self.request_timeout is not None and self.pool_timeout >= self.request_timeout:
            raise Contradiction(
                f"{{pool_timeout}} ({self.pool_timeout:g} s) must be less than "
                f"{{request_timeout}} ({self.request_timeout:g} s): a request waits for its "
                "connection first."
            )
        if (
            self.request_timeout is not None
            and "run_timeout" in self.model_fields_set
            and self.run_timeout >= self.request_timeout
        ):
            raise Contradiction(
                f"{{run_timeout}} ({self.run_timeout:g} s) must be less than "
                f"{{request_timeout}} ({self.request_timeout:g} s): a unit of work that starts "
                "again after that would be cancelled at once."
            )
        idle = self.idle_in_transaction_timeout
        if idle and self.request_timeout is not None and idle <= self.request_timeout:
            raise Contradiction(
                f"{{idle_in_transaction_timeout}} ({idle:g} s) must be more than "
                f"{{request_timeout}} ({self.request_timeout:g} s): a request may hold its "
                "transaction that long."
            )
        return self

    @property
    def effective_may_sleep(self) -> bool:
        """Whether the database goes to sleep: the setting, else whether its hosts are Neon's."""
        if self.may_sleep == "auto":
            return isinstance(self.url, PostgresURL) and self.url.provider == "neon"
        return self.may_sleep == "yes"

    @property
    def keeps_tallies(self) -> bool:
        """Whether it is added up what each request does."""
        return self.server_timing or self.repeated_query_threshold is not None

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
        """Seconds within which ``run()`` starts again: the setting, at most the request's."""
        if self.request_timeout is None:
            return self.run_timeout
        return min(self.run_timeout, self.request_timeout)

    @property
    def effective_idle_in_transaction_timeout(self) -> float | None:
        """Seconds for an idle transaction; None for the server's own limit."""
        if self.idle_in_transaction_timeout is not None:
            return self.idle_in_transaction_timeout or None
        return None if self.request_timeout is None else 2 * self.request_timeout

    @property
    def effective_application_name(self) -> str:
        """The name in ``pg_stat_activity``: the setting, else the URL's, else the program's."""
        is_pooled = isinstance(self.url, PostgresURL) and self.url.is_pooled
        return self._given_name or program(is_pooled=is_pooled)

    def named(self, name: str) -> Self:
        """These settings with an application name, unless they or the URL have one.

        Args:
            name: The client, such as the name of the service; cut at PostgreSQL's 63 bytes.
        """
        if self._given_name is not None:
            return self
        return self.model_copy(update={"application_name": fit(name)})

    @property
    def _given_name(self) -> str | None:
        url = self.url
        from_url = url.parameters.application_name if isinstance(url, PostgresURL) else None
        return self.application_name or from_url
