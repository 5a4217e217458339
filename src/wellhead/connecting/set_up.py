"""The application's set-up of a connection: run before its first use, and again after resets.

Behind a transaction pooler, a server connection lasts for one transaction. What is set on it would
reach other clients, and not this client's next transaction. So the set-up runs in a transaction
there; the server is asked what was set, and then the transaction is rolled back.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncpg

from wellhead.connecting.foreign import failure_of
from wellhead.connecting.hooks import SetUp
from wellhead.errors import ConfigurationError, SetUpError
from wellhead.pool.connection_state import closed_check, free_check, is_in_transaction
from wellhead.sessions.commits import counting_commits
from wellhead.sessions.leftovers import kind_of

T = TypeVar("T")

logger = logging.getLogger(__package__)

# Session state that the next transaction behind a pooler does not have. It includes what other
# clients left behind, so it is compared before and after.
_STATE = """
    SELECT 'SET ' || name FROM pg_catalog.pg_settings WHERE source = 'session'
    UNION ALL SELECT 'LISTEN ' || channel
        FROM pg_catalog.pg_listening_channels() AS listening(channel)
    UNION ALL SELECT 'PREPARE ' || name FROM pg_catalog.pg_prepared_statements WHERE from_sql
    UNION ALL SELECT 'CREATE TEMPORARY ' || relname
        FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema()
    UNION ALL SELECT 'DECLARE ' || name FROM pg_catalog.pg_cursors WHERE is_holdable
    UNION ALL SELECT 'a change of data'
        WHERE pg_catalog.txid_current_if_assigned() IS NOT NULL
    UNION ALL SELECT 'an advisory lock ' || classid || ' ' || objid || ' ' || objsubid
        FROM pg_catalog.pg_locks
        WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid()
"""


class ConnectionSetUp:
    """Runs the application's function on connections.

    Args:
        function: The application's.
        is_pooled: Whether the server is a transaction pooler.
    """

    def __init__(self, function: SetUp, *, is_pooled: bool) -> None:
        self._function: Callable[[Any], Any] = function
        self._run = self._run_behind_pooler if is_pooled else self._run_for_good

    async def first(self, connection: Any) -> None:
        """Set up a new connection, and arrange for it to be set up again after a reset.

        Raises:
            SetUpError: It failed, left something in progress, or set something that cannot last.
            ConfigurationError: The function is not async.
        """
        await self._do(connection)
        connection.set_up_again = self._again

    async def _again(self, connection: Any) -> None:
        try:
            await self._do(connection)
        except Exception as error:
            logger.warning(
                "a connection was closed because its set-up failed after a reset: %s",
                error.args[0] if isinstance(error, SetUpError) else type(error).__name__,
                extra={"event": "set_up_failed"},
            )
            raise

    async def _do(self, connection: Any) -> None:
        # A COMMIT of the set-up does not belong to the caller that is waiting for the connection.
        with counting_commits(apart=True):
            if isinstance(connection, asyncpg.Connection):
                await self._run(connection)
            else:
                # Otherwise each statement would begin a transaction, and a SET end with it.
                await connection.set_autocommit(True)
                await self._run(connection)
                await connection.set_autocommit(False)

    async def _run_for_good(self, connection: Any) -> None:
        await _blame(connection, self._call(connection))
        if not free_check(connection)():
            raise SetUpError(
                "set_up left a transaction or an operation in progress on a new connection.",
                hint="Finish what it begins; a psycopg connection is in autocommit mode there.",
            )

    async def _run_behind_pooler(self, connection: Any) -> None:
        roll_back = await _begin(connection)
        before = await _state_of(connection)
        with _noting(connection) as kinds:
            await _blame(connection, self._call(connection))
        if not is_in_transaction(connection):
            raise SetUpError(
                "set_up ended the transaction in which it runs behind a transaction pooler.",
                hint="Leave out COMMIT and ROLLBACK; savepoints may be used.",
            )
        # Fails if set_up has ignored a failed statement.
        found = await _blame(connection, _state_of(connection)) - before
        found |= {kind for kind in kinds if not any(each.startswith(kind) for each in found)}
        if found:
            raise SetUpError(
                "set_up sets something that does not last behind a transaction pooler: "
                f"{', '.join(sorted(found))}.",
                hint="It ends with the transaction there, or reaches other clients. Codecs and "
                "other state of this process are fine; for settings use ALTER ROLE ... SET, for "
                "the rest a direct URL.",
            )
        await roll_back()

    async def _call(self, connection: Any) -> None:
        answer = self._function(connection)
        if not inspect.isawaitable(answer):
            raise ConfigurationError(
                f"set_up returned {type(answer).__name__}; it must be an async function."
            )
        await answer


async def _blame(connection: Any, work: Awaitable[T]) -> T:
    try:
        return await work
    except ConfigurationError:
        raise
    except Exception as error:
        if closed_check(connection)():
            # That is not a fault of the function.
            raise
        raise SetUpError(
            f"set_up failed on a new connection: {failure_of(error)}.",
            hint="Its error is the cause of this one.",
        ) from error


async def _begin(connection: Any) -> Callable[[], Awaitable[object]]:
    # With the driver's own functions, so that its transaction blocks are savepoints in there.
    if isinstance(connection, asyncpg.Connection):
        transaction = connection.transaction()
        await transaction.start()
        return transaction.rollback
    from psycopg import AsyncTransaction  # noqa: PLC0415 - an optional driver

    block = AsyncTransaction(connection, force_rollback=True)
    await block.__aenter__()
    return lambda: block.__aexit__(None, None, None)


async def _state_of(connection: Any) -> set[str]:
    if isinstance(connection, asyncpg.Connection):
        return {row[0] for row in await connection.fetch(_STATE)}
    cursor = await connection.execute(_STATE)
    return {row[0] for row in await cursor.fetchall()}


@contextmanager
def _noting(connection: Any) -> Iterator[list[str]]:
    """Note the kinds of statements that take effect only at COMMIT, and leave no trace before."""
    kinds: list[str] = []

    def note(statement: str) -> None:
        if (kind := kind_of(statement)) is not None:
            kinds.append(kind)

    if isinstance(connection, asyncpg.Connection):
        with connection.query_logger(lambda query: note(query.query)):
            yield kinds
    else:
        usual = connection.cursor_factory
        connection.cursor_factory = _noting_cursor(usual, note)
        try:
            yield kinds
        finally:
            connection.cursor_factory = usual


def _noting_cursor(kind: Any, note: Callable[[str], None]) -> Any:
    class NotingCursor(kind):  # type: ignore[misc]  # the connection's own class
        async def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            cursor = await super().execute(query, *args, **kwargs)
            note(self._query.query.decode() if self._query else "")
            return cursor

    return NotingCursor
