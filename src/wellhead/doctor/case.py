"""What is known about the database under examination; each check adds to it."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellhead.connecting import Connector, Source
from wellhead.doctor.findings import EnvLine
from wellhead.settings import DatabaseSettings
from wellhead.settings.migrating import PREFIX
from wellhead.url import Host, PostgresURL

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the doctor is asked to do.

    Attributes:
        url: The database's URL; None takes the settings.
        source: Settings, or a database for its settings and hooks; None reads the environment.
        prefix: The prefix of the variables.
        may_wake: Whether a database that may sleep is woken; otherwise the examination ends before
            it logs in.
        replicas: Containers or machines that run the application, or None.
        workers: Processes in each of them, or None.
        scripts: The directory of the migrations, or None.
    """

    url: str | None = field(default=None, repr=False)
    source: Source | None = None
    prefix: str = PREFIX
    may_wake: bool = True
    replicas: int | None = None
    workers: int | None = None
    scripts: Path | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address of a host, or the file of a Unix socket.

    Attributes:
        host: The host that has it.
        name: The address or the path.
        is_ipv6: Whether it is an IPv6 address.
    """

    host: Host
    name: str
    is_ipv6: bool = False

    def __str__(self) -> str:
        if self.host.is_socket:
            return self.name
        return (
            f"[{self.name}]:{self.host.port}" if self.is_ipv6 else f"{self.name}:{self.host.port}"
        )

    @property
    def is_local(self) -> bool:
        """Whether nobody else can read what is sent there."""
        return self.host.is_socket or self.name.startswith("127.") or self.name == "::1"


@dataclass(slots=True)
class Case:
    """What is known so far.

    Attributes:
        wishes: What the doctor is asked to do.
        say: Says something at once, before the examination is over.
        resources: What is closed at the end.
        connector: How the application connects.
        addresses: The addresses of all hosts that there is a route to.
        reached: Those that accept connections.
        encrypted: The hosts to which connections use TLS.
        refuses_parameters: Whether a start-up parameter was refused, as poolers do; None if that is
            not known.
        first_login: Seconds that the first login took.
        connection: A connection of the application's engine.
        probe: A connection of asyncpg, which asks the questions.
        round_trip: The median round trip in seconds.
        pools_transactions: Whether a transaction pooler was seen; None if that is not known.
        env: The recommended lines.
        is_over: Whether the examination ends after this check.
    """

    wishes: Wishes
    say: Say
    resources: AsyncExitStack
    connector: Connector | None = None
    addresses: list[Address] = field(default_factory=list)
    reached: list[Address] = field(default_factory=list)
    encrypted: set[Host] = field(default_factory=set)
    refuses_parameters: bool | None = None
    first_login: float = 0.0
    connection: "AsyncConnection | None" = None
    probe: Any = None
    round_trip: float = 0.0
    pools_transactions: bool | None = None
    env: list[EnvLine] = field(default_factory=list)
    is_over: bool = False

    @property
    def connecting(self) -> Connector:
        """How the application connects, once the settings are known."""
        assert self.connector is not None  # noqa: S101 - no check runs after one that failed
        return self.connector

    @property
    def settings(self) -> DatabaseSettings:
        """The application's settings."""
        return self.connecting.settings

    @property
    def url(self) -> PostgresURL:
        """The database's URL."""
        url = self.settings.url
        assert isinstance(url, PostgresURL)  # noqa: S101 - the examination of SQLite ends before
        return url

    def recommend_parameters(self, reason: str, **parameters: Any) -> None:
        """Recommend the URL with other parameters; its password is not shown."""
        url = replace(self.url, parameters=replace(self.url.parameters, **parameters))
        self.recommend("url", url, f"{reason} Insert the password.")

    def recommend(self, field_name: str, value: object, reason: str) -> None:
        """Recommend a line of ``.env``; the first one for a variable counts."""
        name = self.settings.variable_of(field_name)
        if all(line.name != name for line in self.env):
            self.env.append(EnvLine(name, str(value), reason))
