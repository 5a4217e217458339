"""The one connection to the server on which a test's transaction is."""

import asyncio
from typing import Any

from wellhead.connecting.asyncpg_connection import AsyncpgConnection
from wellhead.testing.framing import query, read_message

# What PostgreSQL reports of itself at the start:
# https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-ASYNC
_REPORTED = (
    "server_version", "server_encoding", "client_encoding", "is_superuser",
    "session_authorization", "DateStyle", "IntervalStyle", "TimeZone", "integer_datetimes",
    "standard_conforming_strings", "default_transaction_read_only", "in_hot_standby",
    "application_name",
)  # fmt: skip


class Upstream:
    """A connection of asyncpg's, over which PostgreSQL's raw protocol is spoken.

    asyncpg makes it, since it handles TLS and the forms of passwords.

    Args:
        connection: asyncpg's; not used otherwise from now on.
        parameters: What the server reports of itself.
        may_defer: Whether there are constraints that wait for COMMIT.
    """

    def __init__(
        self, connection: AsyncpgConnection, parameters: dict[str, str], *, may_defer: bool
    ) -> None:
        self.parameters = parameters
        self.may_defer = may_defer
        self.pid: int = connection.get_server_pid()
        self._connection = connection
        loop = asyncio.get_running_loop()
        self.reader = asyncio.StreamReader(limit=2**20)
        protocol = asyncio.StreamReaderProtocol(self.reader)
        transport: Any = connection._transport  # noqa: SLF001 - tests/test_undocumented_names.py
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        self.writer = asyncio.StreamWriter(transport, protocol, self.reader, loop)

    @classmethod
    async def taking(cls, connection: AsyncpgConnection) -> "Upstream":
        """Take over a connection that was just made."""
        names = ", ".join(f"'{name}'" for name in _REPORTED)
        rows = await connection.fetch(
            f"SELECT name, current_setting(name, true) FROM unnest(ARRAY[{names}]) name"  # noqa: S608 - constants
        )
        may_defer = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_constraint WHERE condeferred)"
        )
        parameters = {name: value for name, value in rows if value is not None}
        return cls(connection, parameters, may_defer=may_defer)

    @property
    def is_lost(self) -> bool:
        """Whether the server has hung up, or we have."""
        return self.reader.at_eof() or self.writer.is_closing()

    async def command(self, sql: str) -> tuple[bytes, bytes | None]:
        """Run statements of the proxy's own: the status afterwards, and the error, if any."""
        self.writer.write(query(sql))
        return await self.until_ready()

    async def until_ready(self) -> tuple[bytes, bytes | None]:
        """Read the rest of a response: the status afterwards, and its error, if any."""
        error = None
        while True:
            kind, body = await read_message(self.reader)
            if kind == b"E":
                error = body
            elif kind == b"Z":
                return body, error

    def close(self) -> None:
        """Close it at once; the server rolls back."""
        self._connection.terminate()
