"""What exists while a database is open: its engine, its sessions, and what watches them."""

import asyncio
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, async_sessionmaker

from wellhead.connecting import Connector, Hooks, build_engine, connect_first, probe
from wellhead.connecting.fleet import warn_if_overbooked
from wellhead.connecting.probing import PROBE_TIMEOUT
from wellhead.errors import PoolTimeout, fault_of
from wellhead.health.health import Health
from wellhead.health.schema import SchemaSource, SchemaWatch
from wellhead.pool import AsyncPool, PoolPlan
from wellhead.sessions.autocommit import AutocommitEngine
from wellhead.sessions.commits import READS, watch_commits
from wellhead.sessions.leftovers import TRANSACTIONAL
from wellhead.sessions.reader import GUARDED
from wellhead.sessions.run_stats import RunCounter
from wellhead.sessions.session_class import LASTING
from wellhead.sessions.statements import statements_of
from wellhead.settings import DatabaseSettings
from wellhead.url import PostgresURL


class Live:
    """What exists while a database is open."""

    def __init__(
        self,
        settings: DatabaseSettings,
        hooks: Hooks,
        plan: PoolPlan,
        migrations: SchemaSource | None,
        runs: RunCounter,
        session_class: type[Any],
    ) -> None:
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
        statements_of(self.engine.sync_engine).tell_of(self.health.note_answer)
        self.schema: SchemaWatch | None = None
        if migrations is not None:
            limit = settings.effective_connect_timeout
            self.schema = SchemaWatch(migrations, self._look, timeout=limit)
        reading = {READS: True, GUARDED: True}
        self._reading = AsyncEngine(AutocommitEngine(self.engine.sync_engine, **reading))
        protected = self.engine.execution_options(postgresql_readonly=True, **reading)
        maker = partial(async_sessionmaker, class_=session_class, **LASTING)
        self.sessions, self.readers = maker(self.engine), maker(self._reading)
        self.protected_readers = maker(protected)
        self._settings = settings
        self.in_use = 0
        self.unused = asyncio.Event()
        self.unused.set()

    async def connect_once(self) -> None:
        """Take a connection, which makes SQLAlchemy learn the server, and put it in the pool."""
        connection = await connect_first(self.engine, self._connector)
        self.health.record_success()
        try:
            url = self._settings.url
            if isinstance(url, PostgresURL) and not url.is_pooled:
                await warn_if_overbooked(connection, self._settings)
        finally:
            await connection.close()

    async def close(self) -> None:
        """Close every connection, and make no more."""
        await self._connector.close()
        await self.engine.dispose()

    @property
    def is_ready_schema(self) -> bool:
        """Whether the schema will do, as far as anybody wants to know."""
        known = self.schema.known if self.schema else None
        return self.schema is None or (known is not None and known.is_ready)

    async def read_schema(self) -> None:
        """Learn where the schema stands, where somebody wants to know."""
        if self.schema is not None:
            async with self._look() as connection:
                await self.schema.read(connection)

    def _look(self) -> AsyncConnection:
        """A connection on which nothing is set."""
        return self.engine.execution_options(**{TRANSACTIONAL: True}).connect()

    def enter(self) -> None:
        """Count a session, or a reader, which is about to be used.

        Raises:
            PoolSaturated: As many wait for connections as may. To hear that here costs a third of
                what it costs at the first statement.
        """
        if isinstance(pool := self.engine.sync_engine.pool, AsyncPool):
            try:
                pool.refuse_if_full()
            except PoolTimeout as error:
                self.health.record_failure(fault_of(error))
                raise
        self.in_use += 1
        self.unused.clear()

    def leave(self, error: BaseException | None) -> None:
        """Count it no more.

        Args:
            error: What its block raised, or its end.
        """
        self.in_use -= 1
        if not self.in_use:
            self.unused.set()
        if isinstance(error, PoolTimeout):
            self.health.record_failure(fault_of(error))

    async def _use_pool(self) -> None:
        async with asyncio.timeout(PROBE_TIMEOUT), self._reading.connect() as connection:
            await connection.execute(select(1))

    def _note_connect_error(self, error: Exception) -> None:
        self.health.record_failure(fault_of(error))
