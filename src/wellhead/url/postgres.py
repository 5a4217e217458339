"""`PostgresURL`: a PostgreSQL URL, parsed once and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self
from urllib.parse import quote

from sqlalchemy import URL

from wellhead.url import drivers, neon
from wellhead.url.hosts import Host, read_hosts
from wellhead.url.options import POOLER_SETTINGS, read_options
from wellhead.url.parameters import Parameters, SSLMode, read_identity, read_parameters
from wellhead.url.split import Driver, Parts, fault, split
from wellhead.url.tls import settle

Provider = Literal["neon", "pgbouncer", "postgresql"]


@dataclass(frozen=True, slots=True, repr=False)
class PostgresURL:
    """The database's address, the identity and the options; never shows its password.

    Created by :meth:`parse` or :meth:`of_parts`. Neither the environment nor any file is read until
    :meth:`connect_args` is called.

    Attributes:
        driver: ``asyncpg`` (also for ``postgres://`` and ``postgresql://``) or ``psycopg``.
        hosts: At least one; tried in this order.
        user: None means the operating system's user.
        password: None if the URL has none.
        database: Its name.
        parameters: Everything else, by its name in the URL; ``sslmode`` is always set.
    """

    driver: Driver
    hosts: tuple[Host, ...]
    user: str | None
    password: str | None = field(repr=False)
    database: str
    parameters: Parameters
    _tls_notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a URL as providers print it.

        Args:
            text: ``postgres://``, ``postgresql://``, ``postgresql+asyncpg://`` or
                ``postgresql+psycopg://`` with libpq's parameters, or with those in common use
                with SQLAlchemy and asyncpg.

        Raises:
            URLError: One sentence that names the problem and the fix, and never the password.
        """
        return cls.of_parts(split(text))

    @classmethod
    def of_parts(cls, parts: Parts) -> Self:
        """Build a URL from its parts.

        Raises:
            URLError: One sentence that names the problem and the fix, and never the password.
        """
        given = read_identity(parts.parameters)
        one = {name: values[0] for name, values in given.items() if name != "host"}
        hosts = read_hosts(parts.hosts, named=given.get("host", ()), ports=one.get("port"))
        database = _once("database", parts.database, one.get("dbname"))
        if database is None:
            raise fault("has no database name", "end it with '/' and the name of the database")
        parameters, notes = settle(
            read_parameters(parts.parameters), driver=parts.driver, hosts=hosts
        )
        url = cls(
            driver=parts.driver,
            hosts=hosts,
            user=_once("user", parts.user, one.get("user")),
            password=_once("password", parts.password, one.get("password")),
            database=database,
            parameters=parameters,
            _tls_notes=notes,
        )
        url._refuse_what_the_pooler_refuses()
        return url

    @property
    def sslmode(self) -> SSLMode:
        """The effective TLS mode, after missing and weak ones were raised."""
        return self.parameters.sslmode or "prefer"

    @property
    def connect_timeout(self) -> float | None:
        """Seconds for one connection attempt; 0 waits forever, None means unspecified."""
        return self.parameters.connect_timeout

    @property
    def command_timeout(self) -> float | None:
        """Seconds for one statement, if the URL specifies it."""
        return self.parameters.command_timeout

    @property
    def provider(self) -> Provider:
        """The provider, as far as host, port and parameters reveal it."""
        if self.endpoint_id is not None:
            return "neon"
        return "pgbouncer" if self.is_pooled else "postgresql"

    @property
    def endpoint_id(self) -> str | None:
        """Neon's endpoint, without ``-pooler``; None elsewhere."""
        return next((name.removesuffix(neon.POOLER) for name in self._endpoints()), None)

    @property
    def is_pooled(self) -> bool:
        """Whether the host is a pooler that lends a server connection per transaction."""
        if self.parameters.pgbouncer is not None:
            return self.parameters.pgbouncer
        return any(name.endswith(neon.POOLER) for name in self._endpoints()) or any(
            neon.is_pooler_port(host) for host in self.hosts
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed or dropped and why, one sentence each."""
        dropped = drivers.dropped(self.parameters, self.driver)
        return (*self._tls_notes, *dropped, *self._pool_notes())

    def direct(self) -> Self:
        """Return the URL that reaches PostgreSQL itself, for migrations and advisory locks.

        Raises:
            URLError: It cannot be derived; only Neon's and Supabase's host names allow it.
        """
        if not self.is_pooled:
            return self
        twins = [twin for host in self.hosts if (twin := neon.direct_twin(host)) is not None]
        if len(twins) < len(self.hosts):
            raise fault(
                "leads to a pooler, and its direct URL cannot be derived",
                "set DATABASE_URL_DIRECT to the URL of PostgreSQL itself",
            )
        return replace(
            self, hosts=tuple(twins), parameters=replace(self.parameters, pgbouncer=None)
        )

    def sqlalchemy_url(self) -> URL:
        """The URL for ``create_async_engine``; needs :meth:`connect_args` as well."""
        first = self.hosts[0]
        return URL.create(
            f"postgresql+{self.driver}",
            username=self.user,
            password=self.password,
            host=None if first.is_socket else first.name,
            port=None if first.is_socket else first.port,
            database=self.database,
        )

    def connect_args(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        prepared_statements: bool | None = None,
    ) -> dict[str, Any]:
        """The ``connect_args`` for ``create_async_engine``; reads certificate files.

        Args:
            settings: Server settings for the start of every session, such as
                ``{"statement_timeout": "5000"}``; those of the URL take precedence. Behind a
                transaction pooler, only what PgBouncer accepts is sent; use ``SET LOCAL`` in each
                transaction there, or ``ALTER ROLE ... SET``.
            prepared_statements: Whether named prepared statements may be relied on; None means
                everywhere except behind a transaction pooler.

        Raises:
            URLError: A certificate file cannot be used.
        """
        parameters = self.parameters
        merged = {name.lower(): value for name, value in (settings or {}).items()}
        if self.is_pooled:
            merged = {name: value for name, value in merged.items() if name in POOLER_SETTINGS}
        merged |= read_options(parameters.options).settings
        if parameters.application_name is not None:
            merged["application_name"] = parameters.application_name
        relied_on = not self.is_pooled if prepared_statements is None else prepared_statements
        if self.driver == "psycopg":
            arguments = drivers.psycopg_arguments(
                parameters, hosts=self.hosts, settings=merged, prepared_statements=relied_on
            )
        else:
            arguments = drivers.asyncpg_arguments(
                parameters,
                hosts=self.hosts,
                settings=merged,
                through_neon=self.provider == "neon",
                prepared_statements=relied_on,
            )
        return arguments | drivers.identity(self.user, self.password)

    def render(self, *, hide_password: bool = True) -> str:
        """Write the URL in one canonical form, which :meth:`parse` accepts.

        Args:
            hide_password: Write ``***`` for the passwords of the user and of the TLS key.
        """
        scheme = "postgresql" if self.driver == "asyncpg" else f"postgresql+{self.driver}"
        user = quote(self.user or "", safe="")
        if self.password is not None:
            user += ":***" if hide_password else f":{quote(self.password, safe='')}"
        hosts = ",".join(str(host) for host in self.hosts)
        query = "&".join(
            f"{name}={_parameter(name, value, hide_password=hide_password)}"
            for name, value in self.parameters.given()
        )
        at = "@" if user else ""
        return f"{scheme}://{user}{at}{hosts}/{quote(self.database, safe='')}?{query}"

    def __str__(self) -> str:
        return self.render()

    def __repr__(self) -> str:
        return f"PostgresURL({self.render()!r})"

    def _endpoints(self) -> list[str]:
        # Through a tunnel the host differs, and options=endpoint%3D... names the endpoint.
        named = [*map(neon.endpoint_of, self.hosts), read_options(self.parameters.options).endpoint]
        return [name for name in named if name is not None]

    def _refuse_what_the_pooler_refuses(self) -> None:
        names = sorted(read_options(self.parameters.options).settings.keys() - POOLER_SETTINGS)
        # Supavisor accepts some of them, and reports the others clearly.
        if names and self.is_pooled and not any(neon.is_supavisor(host) for host in self.hosts):
            raise fault(
                f"sets {', '.join(names)} in options, which the transaction pooler refuses",
                f"use ALTER ROLE ... SET {names[0]}, or the direct URL",
            )

    def _pool_notes(self) -> tuple[str, ...]:
        sizes = [getattr(self.parameters, name) for name in drivers.CACHES]
        if self.driver == "asyncpg" and self.is_pooled and any(sizes):
            return ("The statement caches are off: the host is a transaction pooler.",)
        if self.driver == "asyncpg" and not self.is_pooled and 0 in sizes and sizes != [0, 0]:
            return ("Both statement caches are off: one of them alone is not safe.",)
        return ()


def _once(what: str, in_place: str | None, as_parameter: str | None) -> str | None:
    if in_place and as_parameter:
        raise fault(f"has its {what} twice", "keep one of them")
    return in_place or as_parameter


def _parameter(name: str, value: str, *, hide_password: bool) -> str:
    if name == "sslpassword" and hide_password:
        return "***"
    return quote(value, safe="/:,")
