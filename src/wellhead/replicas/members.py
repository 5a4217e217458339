"""The replicas that there are: those of the settings, or those that Patroni names now."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import replace
from time import monotonic

from wellhead.pool.observing import Observer
from wellhead.replicas.patroni import Patroni, PatroniError
from wellhead.replicas.replica import Replica
from wellhead.retry import doubled
from wellhead.settings import DatabaseSettings
from wellhead.url import PostgresURL
from wellhead.url.hosts import Host

logger = logging.getLogger(__package__)

ASK_AFTER = 5.0
"""Seconds until Patroni is asked again, at the earliest; doubled with every failure in a row."""

LONGEST_PAUSE = 30.0
"""The most seconds until it is asked again after a failure."""


class Members:
    """The replicas of one database.

    With Patroni there are none before its first response. It is asked in the background, and only
    while there are readers; until it responds, what is known stays in force.

    Args:
        settings: Those of the database.
        make: Makes the replica at a URL, which opens nothing.

    Attributes:
        replicas: Those that there are now.
    """

    def __init__(self, settings: DatabaseSettings, make: Callable[[PostgresURL], Replica]) -> None:
        self._settings = settings
        self._make = make
        # Each host of a list is a replica of its own.
        listed = [at(url, host) for url in settings.replica_url or () for host in url.hosts]
        self.replicas = tuple(make(url) for url in listed)
        self._observers: Sequence[Observer] = ()
        self._patroni = Patroni(settings.patroni_url) if settings.patroni_url else None
        self._asking: asyncio.Task[None] | None = None
        self._leaving: dict[asyncio.Task[None], Replica] = {}
        self._again_at = 0.0
        self._failures = 0

    def follow(self) -> None:
        """Let Patroni be asked if that is due; never waits."""
        if self._patroni is None or self._asking is not None or monotonic() < self._again_at:
            return
        # In no caller's context, and not cancelled along with one of them.
        loop = asyncio.get_running_loop()
        self._asking = Context().run(loop.create_task, self._ask(self._patroni))

    def watch(self, observers: Sequence[Observer]) -> None:
        """Report the statements of all, also of those that join later, to these; none ends it."""
        self._observers = observers
        for each in self.replicas:
            each.watch(observers)

    async def close(self) -> None:
        """Close the connections to all replicas."""
        tasks = {*self._leaving, *([self._asking] if self._asking else [])}
        gone = list(self._leaving.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for each in (*self.replicas, *gone):
            await each.close()

    def abandon(self) -> int:
        """Drop them, where the event loop has ended; returns how many there were."""
        return sum(each.abandon() for each in (*self.replicas, *self._leaving.values()))

    async def _ask(self, patroni: Patroni) -> None:
        try:
            hosts = await patroni.replicas()
        except PatroniError as error:
            self._note_failure(error)
        else:
            self._note_response()
            self._take(hosts)
        finally:
            self._asking = None

    def _note_failure(self, error: PatroniError) -> None:
        self._failures += 1
        seconds = doubled(ASK_AFTER, self._failures, most=LONGEST_PAUSE)
        self._again_at = monotonic() + seconds
        if self._failures == 1:
            logger.warning(
                "Patroni does not say which replicas there are; the %d known ones are kept (%s)",
                len(self.replicas),
                error,
                extra={"event": "patroni_unavailable", "replicas": len(self.replicas)},
            )

    def _note_response(self) -> None:
        if self._failures:
            logger.info(
                "Patroni says again which replicas there are", extra={"event": "patroni_back"}
            )
        self._failures, self._again_at = 0, monotonic() + ASK_AFTER

    def _take(self, hosts: tuple[Host, ...]) -> None:
        """Let these be the replicas: keep those that stay, and close those that are gone."""
        url = self._settings.url
        assert isinstance(url, PostgresURL)  # noqa: S101 - the settings have made sure
        before = {each.name: each for each in self.replicas}
        now = {str(host): host for host in hosts}
        if before.keys() == now.keys():
            return
        joined = [name for name in now if name not in before]
        gone = [each for name, each in before.items() if name not in now]
        self.replicas = tuple(
            before.get(name) or self._joined(at(url, host)) for name, host in now.items()
        )
        logger.info(
            "Patroni names %d replicas; joined: %s; gone: %s",
            len(now),
            ", ".join(joined) or "none",
            ", ".join(each.name for each in gone) or "none",
            extra={"event": "replicas_changed", "replicas": list(now)},
        )
        loop = asyncio.get_running_loop()
        for each in gone:
            # At once: the task begins after others that are ready to read.
            each.is_gone = True
            task = loop.create_task(each.leave())
            self._leaving[task] = each
            task.add_done_callback(self._leaving.pop)

    def _joined(self, url: PostgresURL) -> Replica:
        replica = self._make(url)
        replica.watch(self._observers)
        return replica


def at(url: PostgresURL, host: Host) -> PostgresURL:
    """The same URL for one host: PostgreSQL itself, whatever it is at that moment."""
    parameters = replace(
        url.parameters, target_session_attrs=None, load_balance_hosts=None, pgbouncer=False
    )
    return replace(url, hosts=(host,), parameters=parameters)
