"""A database whose replicas, and whose primary, are behind proxies that count."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from tests.staging.streaming import Replication, StreamingServer
from wellhead import Database, DatabaseSettings
from wellhead.testing.proxy import TCPProxy


@dataclass
class Fleet:
    """A primary and its standbys, each behind a proxy of its own.

    Attributes:
        replication: The servers.
        driver: The scheme of their URLs.
        primary: The proxy in front of the primary.
        replicas: Those in front of its standbys.
    """

    replication: Replication
    driver: str
    primary: TCPProxy
    replicas: list[TCPProxy] = field(default_factory=list)

    def settings(self, *, replicas: int = 1, **changes: object) -> DatabaseSettings:
        """The settings of a database that reads from so many of the replicas."""
        chosen = zip(self.replicas[:replicas], self.replication.standbys, strict=False)
        return DatabaseSettings(
            url=self.url(self.primary, self.replication.primary),
            replica_url=[self.url(proxy, standby) for proxy, standby in chosen],
            **{"replica_key": "k" * 32, **changes},
        )

    def url(self, proxy: TCPProxy, server: StreamingServer) -> str:
        """The URL of a server behind its proxy."""
        parts = urlsplit(server.url)
        at = f"{parts.username}:{parts.password}@{proxy.host}:{proxy.port}"
        return urlunsplit(parts._replace(scheme=self.driver, netloc=at))

    @asynccontextmanager
    async def database(self, *, replicas: int = 1, **changes: object) -> AsyncIterator[Database]:
        """An open database that reads from so many of the replicas; all counts begin at 0."""
        async with Database(self.settings(replicas=replicas, **changes)) as database:
            self.reset()
            yield database

    def reset(self) -> None:
        """Count from zero."""
        for proxy in (self.primary, *self.replicas):
            proxy.reset()

    @property
    def round_trips(self) -> list[int]:
        """Round trips to the primary, and to each of the replicas, since the last reset."""
        return [proxy.round_trips for proxy in (self.primary, *self.replicas)]


@asynccontextmanager
async def fleet_of(replication: Replication, driver: str) -> AsyncIterator[Fleet]:
    """A fleet with the table ``notes``, whose only row says ``first``."""
    await replication.primary.ask("DROP TABLE IF EXISTS notes")
    await replication.primary.ask("CREATE TABLE notes (id int PRIMARY KEY, text text)")
    await replication.primary.ask("INSERT INTO notes VALUES (1, 'first')")
    await replication.catch_up()
    async with AsyncExitStack() as stack:
        at = [
            await stack.enter_async_context(TCPProxy("127.0.0.1", each.port))
            for each in (replication.primary, *replication.standbys)
        ]
        yield Fleet(replication, driver, at[0], at[1:])
