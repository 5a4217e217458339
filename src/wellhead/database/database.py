"""The one object that an application holds: it opens, hands out sessions, and closes."""

import asyncio
import logging
import warnings
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace
from typing import Any, Generic, Self

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from typing_extensions import TypeVar

from wellhead.connecting import Hooks, plan_pool
from wellhead.connecting.budget import Budget, PoolSize
from wellhead.connecting.credentials import Provide
from wellhead.connecting.engine import advice_for
from wellhead.connecting.hooks import SetUp
from wellhead.database.blocks import ReaderBlock, SessionBlock
from wellhead.database.first_use import FirstUse
from wellhead.database.late_engine import LateEngine
from wellhead.database.live import Live
from wellhead.database.opening import Opening
from wellhead.errors import (
    ConfigurationError,
    NotOpenError,
    SchemaAheadError,
    SchemaBehindError,
    SettingsError,
)
from wellhead.health import HealthReport, SchemaSource
from wellhead.health.readiness import Readiness, readiness
from wellhead.pool import AsyncPool, PoolStats
from wellhead.pool.holders import nearest, stack_here
from wellhead.pool.observing import Observer
from wellhead.pool.owner import Owner
from wellhead.replicas import Client, ReplicaStats, Seen, as_client
from wellhead.replicas.seen import as_nobody, current_client
from wellhead.retry import connect_with_retry
from wellhead.sessions import ExclusiveSession, Reader
from wellhead.sessions.queries.runner import Runner
from wellhead.sessions.run_stats import RunCounter, RunStats
from wellhead.sessions.session_class import fitted
from wellhead.sessions.tallying import TallyObserver
from wellhead.sessions.unit_of_work import UnitOfWork
from wellhead.settings import DatabaseSettings

S_co = TypeVar("S_co", bound=AsyncSession, default=ExclusiveSession, covariant=True)
T = TypeVar("T")

logger = logging.getLogger(__package__)


class Database(Generic[S_co]):
    """A PostgreSQL database and the connections to it.

    Nothing is built or connected before :meth:`open`. It belongs to the event loop and the process
    in which it was opened, and can be opened again after :meth:`close`, or when that loop has
    ended. If it is garbage-collected while it is open, a ``ResourceWarning`` names the place where
    it was created.

    Args:
        settings: How to connect; None reads them from the environment now.
        migrations: A :class:`wellhead.migrations.Migrations` to compare the schema with; while the
            schema is behind, :meth:`check` says so, and the application is not ready.
        session_class: The class of the sessions, and of those inside readers: a subclass of
            SQLModel's or SQLAlchemy's ``AsyncSession``.
        credentials: An async function that returns the password for new connections, or
            :class:`wellhead.Credentials`; it takes no argument, or the :class:`PostgresURL`. None
            for the URL's. It has ``connect_timeout`` seconds.
        set_up: An async function that is called with each new connection, as the driver's own
            object, and again after the pool has reset it; within ``connect_timeout``. psycopg's
            connection is in autocommit mode then. Behind a transaction pooler, session state that
            it sets is refused.
        engine_options: Further arguments for ``create_async_engine``, such as
            ``json_serializer``. Those that have a setting are refused.

    Hooks have no effect with SQLite.

    Raises:
        ConfigurationError: Sessions of that class would break Wellhead's guarantees.
        SettingsError: A setting cannot be used.
        URLError: The URL is missing or cannot be used.
    """

    def __init__(
        self,
        settings: DatabaseSettings | None = None,
        *,
        migrations: SchemaSource | None = None,
        session_class: type[S_co] = ExclusiveSession,  # type: ignore[assignment]  # the default
        credentials: Provide | None = None,
        set_up: SetUp | None = None,
        engine_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.settings = settings if settings is not None else DatabaseSettings()
        most, is_tallied = self.settings.repeated_query_threshold, self.settings.keeps_tallies
        observers = (TallyObserver(most),) if is_tallied else ()
        self._hooks = Hooks(credentials, set_up, dict(engine_options or {}), observers)
        self._migrations = migrations
        self._session_class = fitted(session_class)
        self._plan = plan_pool(self.settings)
        self._runs = RunCounter()
        self._changing = asyncio.Lock()
        self._owner = Owner(advice_for(self.settings.url))
        self._live: Live | None = None
        self._opening: Opening | None = None
        self._first_use: FirstUse | None = None
        self._has_started = False
        self._is_draining = False
        self._watchers: tuple[Observer, ...] = ()
        self._made_at = stack_here()

    def __del__(self) -> None:
        # It does not exist if the settings were refused.
        live: Live | None = getattr(self, "_live", None)
        pool = None if live is None else live.engine.sync_engine.pool
        if isinstance(pool, AsyncPool) and pool.is_left_open:
            warnings.warn(
                f"{self!r} was not closed; it was created in {nearest(self._made_at)}",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )

    def __repr__(self) -> str:
        return f"<Database {self.settings.url} ({'open' if self.is_open else 'closed'})>"

    @property
    def key(self) -> object:
        """The key by which it is known where COMMITs are counted."""
        return self._runs

    def observe(self, observer: Observer) -> None:
        """Call it with what this database does, from the next time it is opened.

        Raises:
            ConfigurationError: It is open.
        """
        if self._live is not None or self._opening is not None:
            raise ConfigurationError(
                f"The database {self.settings.url} is open already, and is not observed.",
                hint="Do this before it is opened, where the application is created.",
            )
        self._hooks = replace(self._hooks, observers=(*self._hooks.observers, observer))

    def watch(self, observer: Observer) -> None:
        """Call it with each statement and COMMIT from now on, also while the database is open.

        It learns nothing about the pool; for that there is :meth:`observe`.
        """
        self._set_watchers((*self._watchers, observer))

    def unwatch(self, observer: Observer) -> None:
        """Do not call it any more; statements then take the same way as if it had never been."""
        self._set_watchers(tuple(each for each in self._watchers if each is not observer))

    def _set_watchers(self, observers: tuple[Observer, ...]) -> None:
        self._watchers = observers
        if self._live is not None:
            self._live.watch(observers)

    @property
    def hooks(self) -> Hooks:
        """What the application adds to each connection: credentials, set-up, engine options."""
        return self._hooks

    @property
    def is_open(self) -> bool:
        """Whether sessions are available, in the event loop in which it was opened."""
        return self._live is not None and not self._owner.has_ended

    @property
    def is_started(self) -> bool:
        """Whether it was open with a ready schema at least once since :meth:`open`."""
        return self._has_started

    @property
    def is_draining(self) -> bool:
        """Whether :meth:`drain` was called."""
        return self._is_draining

    @property
    def engine(self) -> AsyncEngine:
        """SQLAlchemy's engine, for everything that Wellhead does not do.

        Available before :meth:`open`, and valid across :meth:`close`: at each use it leads to the
        database that is then open, and raises :class:`wellhead.NotOpenError` if none is.
        """
        return LateEngine(lambda: self._require().engine)

    @property
    def pool(self) -> AsyncPool:
        """The connection pool, to resize it, retire its connections or wait for ``min_idle``.

        A database that is opened again has a new pool, according to its settings.

        Raises:
            NotOpenError: The database is not open.
            ConfigurationError: It has no pool; see ``PoolStats.mode``.
        """
        pool = self._require().engine.sync_engine.pool
        if not isinstance(pool, AsyncPool):
            raise ConfigurationError(
                f"The database {self.settings.url} has no pool: {self._plan.reason}"
            )
        return pool

    @property
    def runner(self) -> Runner:
        """Runs compiled queries; see :class:`wellhead.Query`.

        Raises:
            NotOpenError: The database is not open.
        """
        return self._require().runner

    async def open(self) -> None:
        """Connect, and wait for a server that is still starting; does nothing if already open.

        Connections left open in an event loop that has ended are dropped first, with a warning in
        the log; after a fork, those of the parent process are left to it.

        Tries ``connect_retry_count`` times, at least ``connect_retry_delay`` seconds apart, or for
        ``startup_timeout`` seconds if that is set. With ``start_degraded`` it returns after the
        first attempt or that time, whether it succeeded or not, and the attempts continue in the
        background until one succeeds; until then sessions raise :class:`wellhead.NotOpenError`.

        Raises:
            ConnectError: The server could not be reached, or refused; see its subclasses. Never
                with ``start_degraded``.
            ConfigurationError: A driver or a certificate file is missing.
            MigrationError: The schema's state cannot be determined; see ``migrations`` above.
            PoolMisuseError: It is open in another event loop that is still running.
        """
        if self._owner.has_ended:
            self._leave_behind()
        self._owner.check()
        async with self._changing:
            if self._live is not None or self._opening is not None:
                return
            self._owner.check()
            self._has_started = self._is_draining = False
            await self._open(self._make_live())

    def _make_live(self) -> Live:
        return Live(
            self.settings,
            self._hooks,
            self._plan,
            self._migrations,
            self._runs,
            self._session_class,
        )

    async def _open(self, live: Live) -> None:
        settings = self.settings

        async def attempt() -> None:
            with as_nobody():
                await live.connect_once()
                await live.read_schema()
            self._opening, self._live = None, live
            live.watch(self._watchers)
            self._has_started = live.is_ready_schema
            self._announce_open(live)

        delay, limit = settings.connect_retry_delay, settings.startup_timeout
        try:
            if settings.start_degraded:
                self._opening = Opening(attempt, give_up=live.close, delay=delay)
                await self._opening.first_attempt(within=limit)
            else:
                attempts = settings.connect_retry_count if limit is None else None
                await connect_with_retry(attempt, attempts=attempts, delay=delay, deadline=limit)
        except BaseException:
            opening, self._opening, self._live = self._opening, None, None
            self._owner = Owner(advice_for(settings.url))
            await (opening.stop() if opening is not None else live.close())
            raise

    def drain(self) -> None:
        """Mark this process as shutting down: no longer ready, but still working.

        Sessions remain available, so that requests in progress can finish; :meth:`close` waits for
        them. Until it is opened again, :meth:`ready` reports ``draining``.
        """
        if not self._is_draining:
            self._is_draining = True
            logger.info("draining: this process is shutting down", extra={"event": "draining"})

    async def close(self, *, grace: float = 10.0) -> None:
        """Refuse new sessions, wait for those in use, close every connection.

        Args:
            grace: Seconds to wait for sessions in use; later, connections are closed on return.

        Raises:
            PoolMisuseError: It is open in another event loop that is still running.
        """
        if self._owner.has_ended:
            self._leave_behind()
        if self._live is None and self._opening is None:
            return
        self._owner.check()
        async with self._changing:
            opening, self._opening = self._opening, None
            if opening is not None:
                await opening.stop()
            live, self._live = self._live, None
            self._owner = Owner(advice_for(self.settings.url))
            if live is None:
                return
            try:
                await live.health.close()
                await asyncio.wait_for(live.unused.wait(), grace)
            except TimeoutError:
                logger.warning(
                    "%d sessions were still in use %g s after closing began",
                    live.in_use,
                    grace,
                    extra={"event": "database_close_timeout", "in_use": live.in_use},
                )
            finally:
                await live.close()
        logger.info("database closed: %s", self.settings.url, extra={"event": "database_closed"})

    def _leave_behind(self) -> None:
        """Drop connections that belong to an event loop that has ended, or to a parent process."""
        live, was_forked = self._live, self._owner.is_forked
        self._live = self._opening = None
        # The task that held it may never run again.
        self._changing = asyncio.Lock()
        self._owner = Owner(advice_for(self.settings.url))
        if live is None:
            return
        connections = live.abandon()
        if not was_forked:
            logger.warning(
                "the database was still open in an event loop that has ended; %d of its "
                "connections were dropped. Close it in that loop: use async with database: "
                "inside the coroutine that asyncio.run() runs",
                connections,
                extra={"event": "database_left_open", "connections": connections},
            )

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @contextmanager
    def leading_to(self, settings: DatabaseSettings) -> Iterator[Self]:
        """Lead to the database of a test in the block, and open at the first use; for tests only.

        In the block it needs no :meth:`open`, and takes no password from ``credentials``. Before
        the block ends it is closed.

        Args:
            settings: How to connect in the block.

        Raises:
            ConfigurationError: It is open.
        """
        if self._live is not None or self._opening is not None:
            raise ConfigurationError(
                f"The database {self.settings.url} is open, so it cannot lead to that of a test.",
                hint="Open it in the test, or by the application's lifespan, not before.",
            )
        before = self.settings, self._hooks, self._plan
        self.settings, self._plan = settings, plan_pool(settings)
        self._hooks = replace(self._hooks, credentials=None)
        self._first_use = first_use = FirstUse(self._make_live, self._forget)
        try:
            yield self
        finally:
            self._live = self._first_use = None
            self.settings, self._hooks, self._plan = before
            self._owner = Owner(advice_for(self.settings.url))
            first_use.end()

    def session(self) -> AbstractAsyncContextManager[S_co]:
        """One transaction: committed at the end of the block, rolled back on any exception.

        The connection is acquired at the first statement, so a block that runs none costs nothing.
        Leaving the block waits for the COMMIT, and raises what the COMMIT raises. Afterwards the
        session is closed for good; loaded objects stay usable. ``session.begin_nested()`` creates
        a savepoint.

        Raises:
            NotOpenError: The database is not open.
            PoolSaturated: Every connection is in use and the queue is full.
        """
        return SessionBlock(self._require, self.key)

    def reader(self) -> AbstractAsyncContextManager[Reader]:
        """Read without a transaction, one round trip per statement; see :class:`Reader`.

        If the connection is lost, the statement is sent again.

        Raises:
            NotOpenError: The database is not open.
            PoolSaturated: Every connection is in use and the queue is full.
        """
        return ReaderBlock(self._require, self._runs.count_repeated_read)

    async def run(
        self,
        work: Callable[[S_co], Awaitable[T]],
        *,
        deadline: float | None = None,
        is_repeatable: bool = False,
    ) -> T:
        """Run a unit of work: ``work(session)`` in a fresh session, COMMIT, return its result.

        If it is certain that nothing was committed, the work runs again, each time in a fresh
        session: after a serialization failure, a deadlock, a schema change, a connection that was
        lost before COMMIT was sent, a standby that refused to write, and a failed but retryable
        attempt to connect. So outside the
        database ``work`` must only do what may be done twice. Work that commits by itself is not
        run again after its commit.

        Args:
            work: Called with the session; its result is returned, and its exceptions are raised.
            deadline: Seconds after which no attempt begins; ``run_timeout`` by default. A running
                attempt is not cut short: it waits for its connection up to ``pool_timeout``.
            is_repeatable: Whether ``work`` may be done twice, because it sets values or recognises
                a repetition by a key. Then it also runs again after a COMMIT without a reply, up to
                three times in all.

        Raises:
            CommitUnknownError: COMMIT was sent and got no reply; it may have taken effect. With
                ``is_repeatable`` only after three such COMMITs, or if the database failed in
                another way after one.
            NotOpenError: The database is not open.
        """

        async def attempt() -> T:
            async with self.session() as session:
                return await work(session)

        unit = UnitOfWork(
            attempt,
            self._runs,
            deadline=self.settings.effective_run_timeout if deadline is None else deadline,
            is_repeatable=is_repeatable,
        )
        return await unit.run()

    async def mark(self) -> str:
        """What was read and written so far, for reads elsewhere that must not see less.

        A text to pass on, such as with a job; :meth:`reading_after` takes it. It is that of the
        current client, a request of FastAPI or a block of :meth:`reading_after`, or else of this
        process. Empty without replicas, and if nothing was read or written.

        Asks the primary if it was used since the last time: one round trip.

        Raises:
            NotOpenError: The database is not open.
        """
        router = self._require().router
        return "" if router is None else await router.mark()

    @contextmanager
    def reading_after(self, *marks: str) -> Iterator[None]:
        """Read in the block, and never see less than what each :meth:`mark` says.

        The block, with the tasks that it starts, is a client: its reads never see less than its
        earlier reads and writes. It has no effect without replicas.

        Args:
            marks: What :meth:`mark` returned elsewhere; none for a client that has seen nothing.

        Raises:
            ValueError: One of them is not a mark.
        """
        client = Client(current_client.get())
        client.put(self.key, Seen.parse(*marks))
        with as_client(client):
            yield

    def replica_stats(self) -> tuple[ReplicaStats, ...]:
        """A snapshot of each replica; none while the database is closed. Never waits."""
        router = self._live.router if self._live else None
        return () if router is None else router.stats()

    def run_stats(self) -> RunStats:
        """A snapshot of the outcomes of units of work and COMMITs; never waits."""
        return self._runs.snapshot()

    def stats(self) -> PoolStats:
        """A snapshot of the pool, in every pool mode, even while the database is closed."""
        return self._plan.stats(self._live.engine.sync_engine.pool if self._live else None)

    def budget(self) -> Budget | None:
        """What all processes may open, and what there is for them; never waits.

        None while the database is closed, without a pool, and behind a pooler whose limit
        ``pool_budget`` does not say.
        """
        return self._live.budget if self._live else None

    def share_among(self, processes: int) -> PoolSize:
        """Resize this process's pool to its share of the budget, among so many processes.

        Never waits. Connections in use stay: those beyond the new size are closed when they are
        returned. It lasts until the database is closed.

        Args:
            processes: All processes with a pool on this server, at least 1.

        Raises:
            NotOpenError: The database is not open.
            ConfigurationError: It has no pool, its budget is not known, or there is not one
                connection for each process.
            SettingsError: The share is less than ``pool_min_idle``.
        """
        if processes < 1:
            raise SettingsError(f"processes is {processes!r}; it must be a number from 1.")
        return self._require().share_among(self.pool, processes)

    async def check(self) -> HealthReport:
        """Whether the database responds and its schema is ready; queries only if necessary.

        Never raises for a database that does not respond, and waits for the pool only to look
        again at a schema that was behind.
        """
        live = self._found()
        if live is None:
            return self.last_known()
        report = await live.health.report()
        # If the pool is full or the database away, there is no way to look.
        if live.schema is None or report.state not in {"connected", "idle", "read_only"}:
            return report
        with as_nobody():
            schema = await live.schema.state()
        self._has_started = self._has_started or (schema is not None and schema.is_ready)
        return report.with_schema(schema)

    def last_known(self) -> HealthReport:
        """The same without a query; never waits."""
        if self._live is not None:
            schema = self._live.schema.known if self._live.schema else None
            report = self._live.health.known()
            return report.with_schema(schema) if report.is_healthy else report
        if self._opening is not None:
            return HealthReport.starting(self._opening.fault, self._opening.age)
        return HealthReport.not_open()

    async def explain(self, error: BaseException) -> SchemaBehindError | SchemaAheadError | None:
        """Why a statement failed, if that is because the schema is not the program's.

        It needs ``migrations``. It looks at the schema if the statement named something that the
        database does not have, at most once a second. Never raises.

        Args:
            error: What this database's session, reader or compiled query raised.
        """
        schema = self._live.schema if self._live else None
        with as_nobody():
            return await schema.explain(error) if schema else None

    async def ready(self) -> Readiness:
        """Whether this process should get requests; sends as few queries as :meth:`check`."""
        if self._is_draining:
            return Readiness(False, "draining", self.last_known())
        report = await self.check()
        router = self._live.router if self._live else None
        return readiness(
            report,
            is_started=self._has_started,
            has_replicas=lambda: router is not None and router.serves(),
        )

    def _require(self) -> Live:
        if self._opening is not None:
            raise NotOpenError(
                f"The database {self.settings.url} could not be opened yet: {self._opening.fault}.",
                hint="Attempts continue in the background; see "
                f"{self.settings.variable_of('start_degraded')}.",
            )
        live = self._found()
        if live is None:
            raise NotOpenError(
                f"The database {self.settings.url} is not open.",
                hint="Call await database.open() first, or use wellhead.fastapi.lifespan. A client "
                "such as httpx.ASGITransport runs no lifespan: use async with database in the "
                "test, or the fixtures of wellhead.testing.",
            )
        return live

    def _found(self) -> Live | None:
        """What is open; in a test it opens now."""
        if self._live is None and self._first_use is not None:
            self._owner.check()
            self._live = self._first_use.open()
            self._live.watch(self._watchers)
        return self._live

    def _forget(self, live: Live) -> None:
        if self._live is live:
            self._live, self._owner = None, Owner(advice_for(self.settings.url))

    def _announce_open(self, live: Live) -> None:
        url, stats = self.settings.url, self.stats()
        version = ".".join(str(part) for part in live.engine.dialect.server_version_info or ())
        for note in url.notes:
            logger.info("%s", note, extra={"event": "url_note"})
        logger.info(
            "database opened: %s, server version %s, pool mode %s. %s%s",
            url,
            version or "unknown",
            stats.mode,
            stats.reason,
            "" if live.budget is None else f" Budget: {live.budget}.",
            extra={
                "event": "database_opened",
                "server_version": version,
                "pool_mode": stats.mode,
                "pool_size": stats.pool_size,
                "max_overflow": stats.max_overflow,
            },
        )
