"""One statement and its response, with each driver; outside any transaction."""

from collections.abc import Generator, Sequence
from typing import Any

from wellhead.pool.connection_state import terminate
from wellhead.sessions.commits import SentStatement
from wellhead.sessions.queries.statement import Processors, Statement

MOST_KEPT = 200
"""Statements of compiled queries that stay prepared on a connection of asyncpg."""

Response = tuple[Sequence[Any], Processors, int]
"""The driver's rows, what has to be done to their values, and how many there were."""


class AsyncpgWire:
    """Sends by asyncpg, on connections where what is prepared stays prepared."""

    async def send(
        self, connection: Any, kept: dict[Any, Any], statement: Statement, parameters: Any,
        *, only_first: bool, is_repeated: bool,
    ) -> Response:  # fmt: skip
        """Send it, and wait for the response."""
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
        """Learn types anew that the schema's change has changed."""
        await connection.reload_schema_state()


def _count_in(status: str) -> int:
    # "INSERT 0 3", "UPDATE 3": https://www.postgresql.org/docs/current/protocol-message-formats.html
    word = status.rpartition(" ")[2]
    return int(word) if word.isdigit() else -1


class PsycopgWire:
    """Sends by psycopg, which prepares by itself what is sent often."""

    async def send(
        self, connection: Any, kept: dict[Any, Any], statement: Statement, parameters: Any,
        *, only_first: bool, is_repeated: bool,
    ) -> Response:  # fmt: skip
        """Send it, and wait for the response."""
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
        """Close the connection: psycopg would send what is out of date again."""
        terminate(connection)


def _sent(connection: Any, working: Generator[Any, Any, None]) -> Generator[Any, Any, None]:
    # In here what a cancelled statement came to is heard.
    with SentStatement(connection):
        yield from working


async def _end_autocommit(connection: Any) -> None:
    # The next user of the connection counts on a transaction.
    try:
        await connection.set_autocommit(False)
    except Exception:  # noqa: BLE001 - it is lost, or busy with what was cancelled
        terminate(connection)
    except BaseException:
        terminate(connection)
        raise
