"""One statement and its result, with each driver; outside any transaction."""

from collections.abc import Generator, Sequence
from time import perf_counter
from typing import Any, Protocol

from wellhead.pool.connection_state import terminate
from wellhead.pool.observing import Observer
from wellhead.sessions.commits import SentStatement
from wellhead.sessions.queries.statement import Processors, Statement

MOST_KEPT = 200
"""Statements of compiled queries that stay prepared on an asyncpg connection."""

Response = tuple[Sequence[Any], Processors, int]
"""The driver's rows, the conversions of their values, and the number of rows."""


class DriverWire(Protocol):
    """Sends with one driver."""

    async def send(
        self, connection: Any, kept: dict[Any, Any], statement: Statement, parameters: Any,
        *, only_first: bool, is_repeated: bool,
    ) -> Response:  # fmt: skip
        """Send a statement, and wait for the result."""
        ...

    async def forget(self, connection: Any) -> None:
        """Do away with what a schema change has outdated."""
        ...


class ObservedWire:
    """Reports each statement that it sends.

    Args:
        wire: Sends it.
        observers: What it reports to.
    """

    def __init__(self, wire: DriverWire, observers: Sequence[Observer]) -> None:
        self._wire = wire
        self._observers = observers
        self.forget = wire.forget

    async def send(
        self, connection: Any, kept: dict[Any, Any], statement: Statement, parameters: Any,
        *, only_first: bool, is_repeated: bool,
    ) -> Response:  # fmt: skip
        """Send a statement, and wait for the result."""
        began = perf_counter()
        try:
            response = await self._wire.send(
                connection, kept, statement, parameters,
                only_first=only_first, is_repeated=is_repeated,
            )  # fmt: skip
        except BaseException as error:
            self._report(statement.text, perf_counter() - began, error)
            raise
        self._report(statement.text, perf_counter() - began, None)
        return response

    def _report(self, text: str, seconds: float, error: BaseException | None) -> None:
        # It has no list of which the length could differ.
        for each in self._observers:
            each.ran(text, text, seconds, error)


class AsyncpgWire:
    """Sends with asyncpg, on connections that keep prepared statements."""

    async def send(
        self, connection: Any, kept: dict[Any, Any], statement: Statement, parameters: Any,
        *, only_first: bool, is_repeated: bool,
    ) -> Response:  # fmt: skip
        """Send it, and wait for the result."""
        del is_repeated
        found = kept.pop(statement, None)
        if found is None:
            prepared = await connection.prepare(statement.text)
            types = [each.type.oid for each in prepared.get_attributes()]
            found = prepared, statement.processors(types)
        prepared, processors = kept[statement] = found
        if len(kept) > MOST_KEPT:
            del kept[next(iter(kept))]
        if statement.writes:
            with SentStatement(connection):
                rows = await prepared.fetch(*parameters)
        elif only_first:
            row = await prepared.fetchrow(*parameters)
            rows = [] if row is None else [row]
        else:
            rows = await prepared.fetch(*parameters)
        if statement.has_rows:
            return rows, processors, len(rows)
        return (), (), _count_in(prepared.get_statusmsg())

    async def forget(self, connection: Any) -> None:
        """Reload the types that a schema change has changed."""
        await connection.reload_schema_state()


def _count_in(status: str) -> int:
    # "INSERT 0 3", "UPDATE 3": https://www.postgresql.org/docs/current/protocol-message-formats.html
    word = status.rpartition(" ")[2]
    return int(word) if word.isdigit() else -1


class PsycopgWire:
    """Sends with psycopg, which itself prepares statements that are sent often."""

    async def send(
        self, connection: Any, kept: dict[Any, Any], statement: Statement, parameters: Any,
        *, only_first: bool, is_repeated: bool,
    ) -> Response:  # fmt: skip
        """Send it, and wait for the result."""
        del kept
        await connection.set_autocommit(True)
        try:
            cursor = connection.cursor()
            # What is not prepared cannot be out of date.
            prepare = False if is_repeated else None
            if statement.writes:
                working = cursor._execute_gen(statement.text, parameters, prepare=prepare)  # noqa: SLF001 - tests/test_undocumented_names.py
                async with connection.lock:
                    await connection.wait(_sent(connection, working))
            else:
                await cursor.execute(statement.text, parameters, prepare=prepare)
            if not statement.has_rows:
                return (), (), cursor.rowcount
            types = [each.type_code for each in cursor.description]
            rows = await (cursor.fetchmany(1) if only_first else cursor.fetchall())
            return rows, statement.processors(types), len(rows)
        finally:
            await _end_autocommit(connection)

    async def forget(self, connection: Any) -> None:
        """Close the connection: psycopg would send the outdated statement again."""
        terminate(connection)


def _sent(connection: Any, working: Generator[Any, Any, None]) -> Generator[Any, Any, None]:
    # The outcome of a cancelled statement is received in here.
    with SentStatement(connection):
        yield from working


async def _end_autocommit(connection: Any) -> None:
    # The next user of the connection relies on a transaction.
    try:
        await connection.set_autocommit(False)
    except Exception:  # noqa: BLE001 - it is lost, or busy with the cancelled statement
        terminate(connection)
    except BaseException:
        terminate(connection)
        raise
