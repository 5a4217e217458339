"""One replica: its connections, whether it gets reads, and when it is tried again."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from contextvars import Context
from typing import Any

from sqlalchemy.engine.interfaces import ExecutionContext

from wellhead.connecting import Connector, Hooks, build_engine, connect_first, plan_pool, probe
from wellhead.connecting.engine import prepares
from wellhead.connecting.reading import Readers, driver_way
from wellhead.errors import ConnectError, Fault, PoolTimeout
from wellhead.errors.discretion import words_of
from wellhead.errors.recognition import fault_of, sqlstate_of
from wellhead.health.health import Health
from wellhead.pool import AsyncPool
from wellhead.pool.connection_state import driver_of
from wellhead.pool.observing import Observer
from wellhead.pool.sqlalchemy import await_
from wellhead.replicas.admission import PATIENCE, Admission, Known, NotAdmittedError
from wellhead.replicas.availability import Availability
from wellhead.replicas.seen import Seen
from wellhead.replicas.staleness import Staleness
from wellhead.sessions.commits import watch_commits
from wellhead.sessions.queries.runner import QueryRunner, Sessions
from wellhead.sessions.reader import PASSING
from wellhead.sessions.run_stats import RunCounter
from wellhead.sessions.statements import statements_of
from wellhead.settings import DatabaseSettings
from wellhead.url import PostgresURL

# What a replica has not replayed yet, such as a new column, and what no standby does: serializable
# transactions, unlogged tables, transaction ids.
_ONLY_ON_PRIMARY = frozenset({"0A000", "3F000", "42703", "42704", "42883", "42P01", "55000"})


def settings_of(settings: DatabaseSettings, url: PostgresURL) -> DatabaseSettings:
    """The settings of a replica's connections: those of the database, with less patience."""
    connect_timeout = min(PATIENCE, settings.effective_connect_timeout)
    return settings.model_copy(
        update={
            "url": url,
            "connect_timeout": connect_timeout,
            "pool_timeout": min(connect_timeout + 1, settings.pool_timeout),
            "pool_min_idle": 0,
        }
    )


class Replica:
    """One replica.

    Nothing is opened before it is first read from, and nothing is asked while nobody reads.

    Args:
        settings: How to connect to it.
        hooks: Those of the database.
        session_class: The class of the sessions.
        seen: Returns what the current client has seen.
        staleness: How old what it shows may be.
        counted: Counts what is in progress, for the closing of the database.
        runs: Counts repeated reads.
        dialect: That of the primary's engine, for which compiled queries are compiled.

    Attributes:
        name: Its host, for log lines and metrics.
        availability: Whether it gets reads.
        readers: The sessions of readers.
        runner: Runs compiled queries.
        reads: Statements that it was sent.
        is_gone: Whether it is no replica any more, and gets no further reads.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        hooks: Hooks,
        session_class: type[Any],
        *,
        seen: Callable[[], Seen],
        staleness: Staleness,
        counted: Callable[[], AbstractContextManager[None]],
        runs: RunCounter,
        dialect: Any,
    ) -> None:
        url: Any = settings.url
        self.name = str(url.hosts[0])
        self._settings = settings
        self._seen = seen
        self._admission = Admission(staleness=staleness, wait=settings.replica_wait)
        self._connector = Connector(settings, hooks)
        self._engine = engine = build_engine(self._connector, plan_pool(settings), server=self.name)
        if self.pool is not None:
            # The primary is there for those who would have to wait.
            self.pool.core.is_patient = False
        watch_commits(engine.sync_engine, on_unknown=lambda: None, database=self)
        statements = statements_of(engine.sync_engine)
        statements.admit(self._admit_statement)
        statements.tell_of(self._note_statement)
        self.readers = Readers(engine, session_class)
        # Of its own, as it says nothing about the primary. It is never asked.
        health = Health(probe(self._connector, engine), may_sleep=True, use_pool=_ask_nobody)
        self._way = driver_way(
            engine, settings, health,
            on_unknown=lambda: None, admit=self._admit_record, observers=hooks.observers,
        )  # fmt: skip
        self.runner = QueryRunner(
            self.readers.engines, self._way, runs, counted,
            deadline=0.0, reads_directly=prepares(settings), writes_directly=False,
            sessions=Sessions((), self.readers.lasting, self.readers.lasting), dialect=dialect,
        ).reading  # fmt: skip
        self._trial: asyncio.Task[None] | None = None
        self.availability = Availability(self.name)
        self.reads = 0
        self.is_gone = False
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()

    def watch(self, observers: Sequence[Observer]) -> None:
        """Report statements to these as well from now on; none ends it."""
        statements_of(self._engine.sync_engine).watch(observers)
        if self._way is not None:
            self._way.watch(observers)

    @property
    def server(self) -> str | None:
        """The server that it led to when it was asked last."""
        return self._admission.server

    @property
    def lag(self) -> float | None:
        """How many seconds old its state was when it was asked last, if that is known."""
        return self._admission.lag

    @property
    def pool(self) -> AsyncPool | None:
        """Its pool; None if every use opens a connection."""
        pool = self._engine.sync_engine.pool
        return pool if isinstance(pool, AsyncPool) else None

    @property
    def load(self) -> tuple[int, int]:
        """How many callers wait for a connection, and how many have one: the wait for the next."""
        pool = self.pool
        if pool is None:
            return 0, 0
        return pool.core.waiting, pool.core.active

    @property
    def first_trial(self) -> asyncio.Task[None] | None:
        """Its opening, if it was never open before and is being opened."""
        return None if self.availability.has_failed else self._trial

    def is_ready(self) -> bool:
        """Whether it gets reads now; if not, it is tried in the background once its break is over.

        So nobody reads from it, and nothing is sent to it, while no reader asks for it.
        """
        if self.availability.is_up:
            return self.pool is None or not self.pool.is_full
        if self._trial is None and self.availability.is_due:
            # In no caller's context, and not cancelled along with one of them.
            loop = asyncio.get_running_loop()
            self._trial = Context().run(loop.create_task, self._try())
        return False

    def note_failure(self, error: BaseException) -> bool:
        """Whether a read that failed here can be sent to the primary; leaves it out if need be.

        Args:
            error: What the read raised.
        """
        reason: str | None = None
        fault = fault_of(error)
        if isinstance(error, NotAdmittedError):
            reason = error.reason
        elif isinstance(error, ConnectError | PoolTimeout) or fault is Fault.CONNECTION_LOST:
            reason = "unavailable"
        elif fault in PASSING:
            # A conflict with recovery is the statement's, and concerns no other.
            pass
        elif sqlstate_of(error) not in _ONLY_ON_PRIMARY:
            return False
        if reason is not None:
            self.leave_out(reason, _said(error))
        return True

    def leave_out(self, reason: str, why: str) -> None:
        """Give it no reads for a while.

        Args:
            reason: ``unavailable``, ``lagging`` or ``not_standby``.
            why: What showed it, for the log.
        """
        if reason == "not_standby" and self.pool is not None:
            # A name or a proxy may lead to a standby next time.
            self.pool.retire_all()
        self.availability.leave_out(reason, why)

    def hold(self) -> None:
        """Note a user, until it calls ``release``."""
        self._users += 1
        self._unused.clear()

    def release(self) -> None:
        """Note that a user is done."""
        self._users -= 1
        if not self._users:
            self._unused.set()

    async def leave(self) -> None:
        """Close every connection once all users are done; set ``is_gone`` before."""
        await self._unused.wait()
        await self.close()

    async def close(self) -> None:
        """Close every connection, and create no more."""
        trial = self._trial
        if trial is not None:
            trial.cancel()
            await asyncio.wait({trial})
        await self._connector.close()
        await self._engine.dispose()

    def abandon(self) -> int:
        """Drop every connection, where the event loop has ended; returns how many there were."""
        pool = self.pool
        count = 0 if pool is None else pool.checkedin() + pool.checkedout()
        self._engine.sync_engine.dispose()
        return count

    async def _try(self) -> None:
        try:
            connection = await connect_first(self._engine, self._connector)
            try:
                fairy: Any = connection.sync_connection
                await self._admit(fairy.connection, fairy.info, Seen())
            finally:
                await connection.close()
        except Exception as error:  # noqa: BLE001 - whatever it is, the primary is read instead
            reason = error.reason if isinstance(error, NotAdmittedError) else None
            self.leave_out(reason or "unavailable", _said(error))
            return
        finally:
            self._trial = None
        self.availability.let_in()

    async def _admit(self, pooled: Any, info: dict[Any, Any], seen: Seen) -> Known:
        connection = driver_of(pooled.dbapi_connection)
        return await self._admission.admit(connection, info, seen)

    async def _admit_record(self, record: Any) -> None:
        """Admit a compiled query's statement."""
        seen = self._seen()
        known = await self._admit(record, record.info, seen)
        self._count(known, seen)

    def _admit_statement(self, context: ExecutionContext) -> None:
        """Admit a statement of SQLAlchemy's."""
        seen, connection = self._seen(), context.root_connection
        known = self._admission.admitted(connection.info, seen)
        if known is None:
            try:
                known = await_(self._admit(connection.connection, connection.info, seen))
            except NotAdmittedError as error:
                if error.reason == "unavailable":
                    # It was closed, and SQLAlchemy has to know that.
                    connection.invalidate(error)
                raise
        self._count(known, seen)

    def _note_statement(self, context: Any, statement: str, seconds: float) -> None:
        del statement, seconds
        known = self._admission.known(context.root_connection.info)
        if known is not None:
            self._seen().read_at(known.server)

    def _count(self, known: Known, seen: Seen) -> None:
        self.reads += 1
        seen.read_at(known.server)


def _said(error: BaseException) -> str:
    if isinstance(error, NotAdmittedError):
        return str(error)
    return words_of(error) or type(error).__name__


async def _ask_nobody() -> None:
    return None
