"""A statement on a connection that is borrowed from the pool for it, without SQLAlchemy.

Most reads run like this: no greenlet, no event for each statement, no transaction. As everywhere, a
connection is returned clean or is closed: only statements that leave no state run here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from wellhead.errors import CommitUnknownError, Fault, StandbyError
from wellhead.errors.recognition import fault_of, sqlstate_of
from wellhead.health import Health
from wellhead.pool import AsyncPool, Close
from wellhead.pool.connection_state import closed_check
from wellhead.pool.holders import stack_here
from wellhead.pool.observing import Observer
from wellhead.pool.slots import Slot
from wellhead.sessions.deadline import current_deadline
from wellhead.sessions.failover import was_refused_by_standby
from wellhead.sessions.queries.ordinary import Outcome
from wellhead.sessions.queries.raising import Execution, as_sqlalchemy, is_disconnect
from wellhead.sessions.queries.statement import Statement
from wellhead.sessions.queries.wire import DriverWire, ObservedWire

_KEPT = "wellhead_statements"

IsSound = Callable[..., Awaitable[bool]]


class DriverWay:
    """Sends statements with the driver.

    Args:
        engine: The engine whose pool and listeners it uses.
        wire: Sends with that engine's driver.
        health: Notified of the outcome of each statement.
        is_sound: Whether a connection whose statement was cancelled can be used again.
        on_unknown: Called for each write that was sent and got no reply.
        on_slow: Called for each statement with its duration in seconds; None if not needed.
        leaves_standbys: Whether a write that a standby refused retires all connections.
        admit: Called with the pool's record of each connection before its statement; raises if it
            must not run there. None if any connection will do.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        wire: DriverWire,
        health: Health,
        *,
        is_sound: IsSound,
        on_unknown: Callable[[], None],
        on_slow: Callable[[str, float], None] | None,
        leaves_standbys: bool,
        admit: Callable[[Any], Awaitable[None]] | None = None,
    ) -> None:
        self._engine = engine
        self._wire = self._unwatched = wire
        self._health = health
        self._is_sound = is_sound
        self._on_unknown = on_unknown
        self._on_slow = on_slow
        self._leaves_standbys = leaves_standbys
        self._admit = admit
        # Statements prepared before a schema change was noticed are not used any more.
        self._schema = 0

    def watch(self, observers: Sequence[Observer]) -> None:
        """Report statements to these, too, in place of those given before; none ends it."""
        self._wire = ObservedWire(self._unwatched, observers) if observers else self._unwatched

    async def send(
        self,
        statement: Statement,
        values: Mapping[str, Any],
        *,
        only_first: bool,
        is_repeated: bool = False,
    ) -> Outcome:
        """Send a statement, and build its results.

        Raises:
            Exception: What SQLAlchemy would raise.
        """
        execution = Execution(statement.compiled, [values])
        try:
            parameters = statement.binding.parameters(values)
        except Exception as error:
            raise self._translated(error, statement, execution) from error
        pool: Any = self._engine.sync_engine.pool
        core = pool.core
        stack = stack_here() if core.policy.leak_threshold is not None else ()
        slot = core.take(stack)
        if slot is None:
            try:
                slot = await core.wait(stack)
            except self._engine.dialect.loaded_dbapi.Error as error:
                raise self._translated(error, statement, execution) from error
        if slot.route is None and (deadline := current_deadline.get()) is not None:
            slot.route = deadline.route
        record = slot.connection
        if self._admit is not None:
            await self._admitted(core, slot)
        connection = record.dbapi_connection.driver_connection
        is_usable = False
        began = perf_counter()
        try:
            kept = self._kept(record.info)
            rows, processors, count = await self._wire.send(
                connection, kept, statement, parameters,
                only_first=only_first, is_repeated=is_repeated,
            )  # fmt: skip
            is_usable = True
        except BaseException as error:
            is_usable, failure = await self._failed(error, pool, slot, statement, execution)
            if failure is error:
                raise
            raise failure from error
        finally:
            core.release(slot, is_usable=is_usable)
        self._health.record_success(has_written=statement.writes)
        if self._on_slow is not None:
            self._on_slow(statement.text, perf_counter() - began)
        return statement.results(rows, processors), count

    async def _admitted(self, core: Any, slot: Slot[Any]) -> None:
        assert self._admit is not None  # noqa: S101 - the caller has checked
        try:
            await self._admit(slot.connection)
        except BaseException as error:
            # A response may still be on its way if the caller was cancelled.
            core.release(slot, is_usable=isinstance(error, Exception))
            raise

    def _kept(self, info: dict[Any, Any]) -> dict[Any, Any]:
        found: tuple[int, dict[Any, Any]] | None = info.get(_KEPT)
        if found is None or found[0] != self._schema:
            info[_KEPT] = found = self._schema, {}
        return found[1]

    def _translated(
        self, error: Exception, statement: Statement, execution: Execution
    ) -> BaseException:
        return as_sqlalchemy(self._engine, error, text=statement.text, execution=execution)

    async def _failed(
        self,
        error: BaseException,
        pool: AsyncPool,
        slot: Slot[Any],
        statement: Statement,
        execution: Execution,
    ) -> tuple[bool, BaseException]:
        """Whether the connection can be used again, and the exception to raise."""
        dialect, dbapi_connection = self._engine.dialect, slot.connection.dbapi_connection
        connection = dbapi_connection.driver_connection
        if isinstance(error, asyncio.CancelledError | TimeoutError):
            is_lost = not await self._is_sound(dialect, dbapi_connection, was_ending=False)
        elif not isinstance(error, Exception):
            return False, error
        elif isinstance(error, CommitUnknownError):
            is_lost = closed_check(connection)()
        elif self._leaves_standbys and was_refused_by_standby(error, connection):
            error, is_lost = StandbyError.after_refusal(), True
        else:
            is_lost = is_disconnect(dialect, dbapi_connection, error)
        if getattr(connection, "is_outcome_unknown", False):
            connection.is_outcome_unknown = False
            self._on_unknown()
        failure = as_sqlalchemy(
            self._engine, error, text=statement.text, execution=execution,
            dbapi_connection=dbapi_connection, is_lost=is_lost,
        )  # fmt: skip
        if is_lost and isinstance(error, Exception) and pool.core.is_current(slot):
            pool.core.retire(Close.SERVER)
        if fault_of(failure) is Fault.STALE_PLAN:
            self._schema += 1
            await self._wire.forget(connection)
        elif sqlstate_of(failure) is None:
            # After a change of types, asyncpg has closed the prepared statement.
            slot.connection.info.pop(_KEPT, None)
        return not is_lost, failure
