"""A server in front of PostgreSQL: all its clients join the one transaction of a test.

It speaks PostgreSQL's protocol, so every driver can join, and everything that uses one: sessions,
readers, compiled queries, engines, and connections that the test opens.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from itertools import count

from wellhead.connecting.asyncpg_connection import AsyncpgConnection
from wellhead.testing.accepting import stop_accepting
from wellhead.testing.framing import (
    CANCEL_REQUEST,
    GSSENC_REQUEST,
    SSL_REQUEST,
    framed,
    pairs_of,
    parameter_statuses,
    read_message,
    read_start,
    ready,
    refusal,
)
from wellhead.testing.joined import PATIENCE, JoinedTransaction
from wellhead.testing.joined_client import JoinedClient
from wellhead.testing.overheard import overhear
from wellhead.testing.proxied_connection import Ear
from wellhead.testing.upstream import Upstream


class JoiningServer:
    """Listens on 127.0.0.1, in the event loop in which it is started.

    Args:
        connect: Connects to the database to which all its connections lead.
        is_inside: See :class:`JoinedTransaction`.
        ear: Gives for each connection what hears all that is said on it.

    Attributes:
        password: What its clients need.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[AsyncpgConnection]],
        is_inside: Callable[[int, int], bool],
        ear: Callable[[], Ear],
    ) -> None:
        self.password = secrets.token_hex(16)
        self._connect = connect
        self._is_inside = is_inside
        self._ear = ear
        self._numbers = count(1)
        self._clients: dict[int, JoinedClient] = {}
        self._tasks: dict[asyncio.Task[None], JoinedClient | None] = {}
        self._server: asyncio.Server | None = None
        self.transaction: JoinedTransaction | None = None

    async def start(self) -> int:
        """Listen; returns the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        return int(self._server.sockets[0].getsockname()[1])

    async def begin(self) -> None:
        """Begin the transaction of a test."""
        upstream = self.transaction.upstream if self.transaction is not None else None
        if upstream is not None and upstream.is_lost:
            upstream.close()
            upstream = None
        if upstream is None:
            upstream = await Upstream.taking(await self._connect())
        await upstream.command("BEGIN")
        self.transaction = JoinedTransaction(upstream, self._is_inside)

    async def roll_back(self) -> None:
        """End the transaction of a test; a connection that is in the middle of a unit is closed."""
        transaction = self.transaction
        if transaction is None:
            return
        # Something that a client sent last may still be on its way here.
        transaction.is_over = True
        ending = [task for task, client in self._tasks.items() if client and client.end()]
        if ending:
            _, pending = await asyncio.wait(ending, timeout=PATIENCE)
            if pending:
                # In the middle of a statement, whose response no other client can read.
                await self.leave()
        if self.transaction is not None and not transaction.upstream.is_lost:
            await transaction.upstream.command("ROLLBACK")

    async def leave(self) -> None:
        """Give up the connection to the server, so that the database can be dropped."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            transaction.upstream.close()

    async def close(self) -> None:
        """Listen no more, and close every connection."""
        if self._server is not None:
            await stop_accepting(self._server)
        await self.leave()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio's server makes one
        self._tasks[task] = client = None
        try:
            overhear(reader, writer, self._ear())
            client = await self._greet(reader, writer)
            if client is not None:
                self._clients[client.number] = self._tasks[task] = client
                await client.serve()
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            del self._tasks[task]
            if client is not None:
                del self._clients[client.number]
            writer.transport.abort()

    async def _greet(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> JoinedClient | None:
        code, body = await read_start(reader)
        while code in {SSL_REQUEST, GSSENC_REQUEST}:
            writer.write(b"N")
            code, body = await read_start(reader)
        if code == CANCEL_REQUEST:
            await self._cancel(body)
            return None
        settings = dict(pairs_of(body))
        writer.write(framed(b"R", (3).to_bytes(4)))
        _, password = await read_message(reader)
        if password.rstrip(b"\0").decode() != self.password or self.transaction is None:
            writer.write(refusal("28P01", "no test is running", severity="FATAL"))
            await writer.drain()
            return None
        client = JoinedClient(next(self._numbers), reader, writer, self._running, settings)
        if code & 0xFFFF:
            writer.write(framed(b"v", (0).to_bytes(4) + (0).to_bytes(4)))
        parameters = self.transaction.upstream.parameters
        if "application_name" in settings:
            parameters = {**parameters, "application_name": settings["application_name"]}
        key = client.number.to_bytes(4) + client.secret
        writer.write(
            framed(b"R", (0).to_bytes(4))
            + parameter_statuses(parameters)
            + framed(b"K", key)
            + ready(b"I")
        )
        return client

    def _running(self) -> JoinedTransaction:
        assert self.transaction is not None  # noqa: S101 - there is one while clients are
        return self.transaction

    async def _cancel(self, body: bytes) -> None:
        client = self._clients.get(int.from_bytes(body[:4]))
        if client is None or client.secret != body[4:]:
            return
        if client.turn is not None:
            client.turn.cancel()
        elif not client.is_idle and self.transaction is not None:
            client.was_cancelled = True
            connection = await self._connect()
            try:
                pid = self.transaction.upstream.pid
                await connection.execute("SELECT pg_cancel_backend($1)", pid)
            finally:
                await connection.close()
