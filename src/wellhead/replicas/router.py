"""Chooses a server for each reader, and asks the primary what a client has seen."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from wellhead.connecting import Hooks
from wellhead.connecting.reading import Readers
from wellhead.errors import WellheadError
from wellhead.errors.recognition import fault_of
from wellhead.health.health import Health
from wellhead.pool.connection_state import driver_of, terminate
from wellhead.pool.observing import Observer
from wellhead.replicas.admission import PATIENCE, NotAdmittedError
from wellhead.replicas.members import Members
from wellhead.replicas.position import LogPosition
from wellhead.replicas.replica import Replica, settings_of
from wellhead.replicas.seen import NEVER, Seen, current_client
from wellhead.replicas.staleness import Staleness
from wellhead.sessions.reader import announce_repeat
from wellhead.sessions.run_stats import RunCounter
from wellhead.sessions.statements import statements_of
from wellhead.settings import DatabaseSettings


@dataclass(frozen=True, slots=True)
class ReplicaStats:
    """The figures of one replica, since the database was opened.

    Attributes:
        name: Its host.
        is_up: Whether it gets reads.
        reason: Why not: ``unavailable``, ``lagging``, or ``not_standby``, if it is a primary; None
            if it gets reads, or was never read from.
        lag: How many seconds old its state was when it was asked last; None if that is not known.
        reads: Statements that it was sent.
        left_out: How often it was left out for a while.
        connections: Connections to it.
    """

    name: str
    is_up: bool
    reason: str | None
    lag: float | None
    reads: int
    left_out: int
    connections: int


class Router:
    """Leads the readers of one database to its replicas.

    Args:
        settings: Those of the database.
        hooks: Those of the database.
        session_class: The class of the sessions.
        primary: How the primary is read.
        health: What is known about the primary.
        key: The database's key, under which a client's :class:`Seen` is kept.
        counted: Counts what is in progress, for the closing of the database.
        runs: Counts repeated reads, and those that went to the primary.

    Attributes:
        key: As above.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        hooks: Hooks,
        session_class: type[Any],
        primary: Readers,
        health: Health,
        key: object,
        *,
        counted: Callable[[], AbstractContextManager[None]],
        runs: RunCounter,
    ) -> None:
        self.key = key
        self._primary = primary
        self._runs = runs
        self._process = Seen()
        self._staleness = Staleness(
            max_lag=settings.replica_max_lag,
            outage_lag=settings.longest_replica_lag,
            primary=health,
        )
        engine = primary.engines.writing.sync_engine
        self._members = Members(
            settings,
            lambda url: Replica(
                settings_of(settings, url), hooks, session_class,
                seen=self.seen, staleness=self._staleness, counted=counted, runs=runs,
                dialect=engine.dialect,
            ),
        )  # fmt: skip
        statements = statements_of(engine)
        statements.ask_first(self._note_statement)
        statements.tell_of(self._note_statement)
        statements.tell_after_commits(self._note_commit)

    @property
    def replicas(self) -> tuple[Replica, ...]:
        """Those that there are now."""
        return self._members.replicas

    def watch(self, observers: Sequence[Observer]) -> None:
        """Report the statements of all replicas to these as well from now on; none ends it."""
        self._members.watch(observers)

    def seen(self) -> Seen:
        """What the current client has seen."""
        client = current_client.get()
        return self._process if client is None else client.of(self.key)

    async def choose(self) -> Replica | None:
        """The replica that the current client reads from next; None for the primary.

        Of those that get reads, and that have what the client has seen elsewhere, the one at which
        the fewest wait. Waits for the first connection to one of them, and for the primary's
        position, if the client has used the primary.

        Raises:
            Exception: No connection to the primary could be made for that.
        """
        self._members.follow()
        seen = self.seen()
        if seen.lsn < NEVER and await self.settle(seen):
            ready = [each for each in self.replicas if each.is_ready()]
            if not ready:
                ready = await self._first_ready()
            fit = [each for each in ready if each.server is None or seen.may_read(each.server)]
            if fit:
                # Of equals the one that has served least.
                return min(fit, key=lambda each: (*each.load, each.reads))
        self._runs.count_fallback()
        return None

    def count_fallback(self) -> None:
        """Note that a read goes to the primary."""
        self._runs.count_fallback()

    def fall_back(self, error: Exception) -> None:
        """Note that a read goes to the primary, after a replica could not serve it."""
        self._runs.count_fallback()
        if not isinstance(error, NotAdmittedError):
            # It was sent.
            announce_repeat(fault_of(error))
            self._runs.count_repeated_read(fault_of(error))

    def serves(self) -> bool:
        """Whether a replica gets reads now; if none does, they are tried in the background."""
        self._members.follow()
        return any(each.is_ready() for each in self.replicas)

    async def settle(self, seen: Seen) -> bool:
        """Ask the primary for its position, if the client has used it: one round trip.

        Returns:
            Whether what the client has seen is known now.

        Raises:
            Exception: No connection could be made.
        """
        if seen.is_due:
            asked = seen.ask()
            position = await self._ask_primary()
            if position is None:
                return False
            seen.take(asked, position.lsn)
            self._staleness.note(position.lsn)
        return True

    async def mark(self) -> str:
        """What the current client has seen, as a text; see :meth:`wellhead.Database.mark`.

        If the primary does not respond within ``PATIENCE`` seconds, the text leads all reads to the
        primary.
        """
        seen = self.seen()
        try:
            async with asyncio.timeout(PATIENCE):
                is_known = await self.settle(seen)
        except (SQLAlchemyError, WellheadError, OSError):
            is_known = False
        return seen.mark if is_known else Seen(NEVER).mark

    def stats(self) -> tuple[ReplicaStats, ...]:
        """A snapshot of the figures; never waits."""
        return tuple(
            ReplicaStats(
                name=each.name,
                is_up=each.availability.is_up,
                reason=each.availability.reason,
                lag=each.lag,
                reads=each.reads,
                left_out=each.availability.left_out,
                connections=0 if each.pool is None else each.pool.core.idle + each.pool.core.active,
            )
            for each in self.replicas
        )

    async def close(self) -> None:
        """Close the connections to all replicas."""
        await self._members.close()

    def abandon(self) -> int:
        """Drop them, where the event loop has ended; returns how many there were."""
        return self._members.abandon()

    async def _first_ready(self) -> list[Replica]:
        """Wait for the first connection to any replica."""
        while trials := {each.first_trial for each in self.replicas if each.first_trial}:
            await asyncio.wait(trials, return_when=asyncio.FIRST_COMPLETED)
            if ready := [each for each in self.replicas if each.availability.is_up]:
                return ready
        return []

    async def _ask_primary(self) -> LogPosition | None:
        async with self._primary.engines.reading.connect() as connection:
            pooled: Any = connection.sync_connection
            driver_connection = driver_of(pooled.connection.dbapi_connection)
            try:
                return await LogPosition.of(driver_connection, timeout=PATIENCE)
            except BaseException as error:
                terminate(driver_connection)
                await connection.invalidate()
                if isinstance(error, Exception):
                    return None
                raise

    def _note_statement(self, context: object, statement: str, details: object) -> None:
        del context, statement, details
        self.seen().use_primary()

    def _note_commit(self) -> None:
        self.seen().use_primary()
