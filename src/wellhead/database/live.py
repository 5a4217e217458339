"""The state of an open database: its engine, its sessions, and its observers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, async_sessionmaker

from wellhead.connecting import Connector, Hooks, build_engine, connect_first, probe
from wellhead.connecting.budget import Budget, PoolSize
from wellhead.connecting.engine import limits_in_transactions, prepares
from wellhead.connecting.engine_options import isolation_levels_of
from wellhead.connecting.fleet import budget_of, read_limits, warn_if_overbooked
from wellhead.connecting.plan import PoolPlan
from wellhead.connecting.probing import PROBE_TIMEOUT
from wellhead.connecting.reading import Readers, driver_way
from wellhead.errors import ConfigurationError, PoolTimeout
from wellhead.errors.recognition import fault_of
from wellhead.health.health import Health
from wellhead.health.schema import SchemaSource, SchemaWatch
from wellhead.pool import AsyncPool
from wellhead.pool.observing import Observer
from wellhead.replicas import Router
from wellhead.replicas.routed_queries import RoutedRunner
from wellhead.replicas.routed_reader import RoutedReader
from wellhead.sessions import Reader
from wellhead.sessions.commits import watch_commits
from wellhead.sessions.leftovers import TRANSACTIONAL
from wellhead.sessions.queries.runner import QueryRunner, Sessions
from wellhead.sessions.run_stats import RunCounter, count_failures
from wellhead.sessions.session_class import LASTING
from wellhead.sessions.statements import statements_of
from wellhead.settings import DatabaseSettings


class Live:
    """The state of an open database."""

    def __init__(
        self,
        settings: DatabaseSettings,
        hooks: Hooks,
        plan: PoolPlan,
        migrations: SchemaSource | None,
        runs: RunCounter,
        session_class: type[Any],
    ) -> None:
        self._runs = runs
        self._connector = Connector(settings, hooks, on_error=self._note_connect_error)
        self.engine = build_engine(self._connector, plan)
        watch_commits(self.engine.sync_engine, on_unknown=runs.count_unknown, database=runs)
        self.health = Health(
            probe(self._connector, self.engine),
            use_pool=self._use_pool,
            may_sleep=settings.effective_may_sleep,
            queue_is_full=lambda: (
                isinstance(pool := self.engine.sync_engine.pool, AsyncPool) and pool.is_full
            ),
        )
        self.health.watch(self.engine)
        count_failures(self.engine, runs)
        statements_of(self.engine.sync_engine).tell_of(self.health.note_answer)
        self.schema: SchemaWatch | None = None
        if migrations is not None:
            limit = settings.effective_connect_timeout
            self.schema = SchemaWatch(migrations, self._look, timeout=limit)
            self.schema.watch(self.engine)
        self.sessions = async_sessionmaker(self.engine, class_=session_class, **LASTING)
        self.readers = Readers(self.engine, session_class)
        self._way = driver_way(
            self.engine,
            settings,
            self.health,
            on_unknown=runs.count_unknown,
            observers=hooks.observers,
        )
        runner = QueryRunner(
            self.readers.engines,
            self._way,
            runs,
            self.counted,
            deadline=settings.effective_run_timeout,
            reads_directly=prepares(settings),
            writes_directly=prepares(settings)
            and not limits_in_transactions(settings)
            and not isolation_levels_of(hooks.engine_options),
            sessions=self._hooked(),
        )
        self.runner: QueryRunner | RoutedRunner = runner
        # How a reader is made, and counted before that: where there are no replicas, by the same
        # calls as if there were no such thing.
        self.enter_reader: Callable[[], None] = self.enter
        deadline = settings.effective_run_timeout
        self.reader: Callable[..., Reader] = partial(Reader, deadline=deadline)
        self.reader_of: tuple[Any, ...] = (*self.readers.openers, runner.reading)
        self.router: Router | None = None
        if settings.has_replicas:
            self._route(settings, hooks, session_class, runs, runner)
        self._settings = settings
        # What the server has, and how many processes share it if not as the settings say.
        self._limits: Mapping[str, Any] | None = None
        self._processes: int | None = None
        self.in_use = 0
        self.unused = asyncio.Event()
        self.unused.set()

    def _route(
        self,
        settings: DatabaseSettings,
        hooks: Hooks,
        session_class: type[Any],
        runs: RunCounter,
        runner: QueryRunner,
    ) -> None:
        self.router = router = Router(
            settings, hooks, session_class, self.readers, self.health, runs,
            counted=lambda: Elsewhere(self), runs=runs,
        )  # fmt: skip
        self.runner = routed = RoutedRunner(router, runner)
        self.enter_reader = self._count
        self.reader = partial(RoutedReader, deadline=settings.effective_run_timeout)
        self.reader_of = router, self.readers, routed.reading

    def watch(self, observers: Sequence[Observer]) -> None:
        """Report statements and COMMITs to these as well from now on; none ends it."""
        statements_of(self.engine.sync_engine).watch(observers)
        if self._way is not None:
            self._way.watch(observers)
        if self.router is not None:
            self.router.watch(observers)

    def _hooked(self) -> Sessions:
        begun = self.sessions().sync_session.dispatch.after_begin
        # Those of the class, to which later ones are added.
        return Sessions(begun.parent_listeners, self.sessions, self.readers.lasting)

    async def connect_once(self) -> None:
        """Acquire a connection, so that SQLAlchemy learns about the server, and return it."""
        connection = await connect_first(self.engine, self._connector)
        self.health.record_success()
        try:
            if isinstance(self.engine.sync_engine.pool, AsyncPool):
                self._limits = await read_limits(connection, self._settings)
        finally:
            await connection.close()
        if (budget := self.budget) is not None:
            warn_if_overbooked(budget, self._settings)

    @property
    def budget(self) -> Budget | None:
        """The budget at the pool's present size; None if there is no pool, or it is not known."""
        return self._budget_among(self._processes)

    def _budget_among(self, processes: int | None) -> Budget | None:
        pool = self.engine.sync_engine.pool
        if not isinstance(pool, AsyncPool):
            return None
        per_process = pool.policy.limit
        return budget_of(self._limits, self._settings, per_process=per_process, processes=processes)

    def share_among(self, pool: AsyncPool, processes: int) -> PoolSize:
        """Resize the pool to this process's share of the budget.

        Raises:
            ConfigurationError: The budget is not known, or has nothing for so many processes.
        """
        budget = self._budget_among(processes)
        if budget is None:
            raise ConfigurationError(
                "The budget of connections is not known: behind a pooler its own limit counts.",
                hint=f"Set {self._settings.variable_of('pool_budget')}.",
            )
        size = budget.largest_pool()
        pool.resize(pool_size=size.pool_size, max_overflow=size.max_overflow)
        self._processes = processes
        return size

    async def close(self) -> None:
        """Close every connection, and create no more."""
        await self._connector.close()
        if self.router is not None:
            await self.router.close()
        await self.engine.dispose()

    def abandon(self) -> int:
        """Drop every connection, where the event loop has ended; after a fork, let them be.

        Returns:
            How many there were.
        """
        self.is_closed = True
        engine = self.engine.sync_engine
        pool = engine.pool
        if not isinstance(pool, AsyncPool):
            engine.dispose(close=False)
            return 0
        connections = pool.checkedin() + pool.checkedout()
        engine.dispose()
        return connections if self.router is None else connections + self.router.abandon()

    @property
    def is_ready_schema(self) -> bool:
        """Whether the schema is ready, or is not checked."""
        known = self.schema.known if self.schema else None
        return self.schema is None or (known is not None and known.is_ready)

    async def read_schema(self) -> None:
        """Read the schema's state, if it is checked."""
        if self.schema is not None:
            async with self._look() as connection:
                await self.schema.read(connection)

    def _look(self) -> AsyncConnection:
        """A connection without session state."""
        return self.engine.execution_options(**{TRANSACTIONAL: True}).connect()

    def counted(self) -> "InUse":
        """A context manager that counts its block as a use."""
        return InUse(self)

    def enter(self) -> None:
        """Count a session or a reader that is about to be used.

        Raises:
            PoolSaturated: The queue for connections is full. To raise it here costs a third of what
                it costs at the first statement.
        """
        if isinstance(pool := self.engine.sync_engine.pool, AsyncPool):
            try:
                pool.refuse_if_full()
            except PoolTimeout as error:
                self.health.record_failure(fault_of(error))
                raise
        self.in_use += 1
        self.unused.clear()

    def _count(self) -> None:
        self.in_use += 1
        self.unused.clear()

    def leave(self, error: BaseException | None) -> None:
        """Stop counting it.

        Args:
            error: The exception of its block or of its end.
        """
        self.in_use -= 1
        if not self.in_use:
            self.unused.set()
        if isinstance(error, PoolTimeout):
            self.health.record_failure(fault_of(error))

    async def _use_pool(self) -> None:
        reading = self.readers.engines.reading
        async with asyncio.timeout(PROBE_TIMEOUT), reading.connect() as connection:
            await connection.execute(select(1))

    def _note_connect_error(self, error: Exception) -> None:
        self._runs.count_failure(fault_of(error))
        self.health.record_failure(fault_of(error))


class InUse:
    """The context manager that counts a compiled query."""

    __slots__ = ("_live",)

    def __init__(self, live: Live) -> None:
        self._live = live

    def __enter__(self) -> None:
        self._live.enter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.leave(error)


class Elsewhere(InUse):
    """The same for a query on a replica, whose pool says nothing about the database's health."""

    __slots__ = ()

    def __enter__(self) -> None:
        self._live.enter_reader()

    def __exit__(self, *_: object) -> None:
        self._live.leave(None)
