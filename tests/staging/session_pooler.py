"""A pooler in session mode: it lets so many clients through to the server, and refuses the rest."""

import asyncio
import struct
from contextlib import suppress
from typing import Self

from wellhead.testing.accepting import stop_accepting
from wellhead.testing.framing import (
    CANCEL_REQUEST,
    GSSENC_REQUEST,
    SSL_REQUEST,
    read_start,
    refusal,
)


class SessionPooler:
    """Listens on a free port of 127.0.0.1, in front of a real server.

    Args:
        port: The server's.
        clients: How many are let through at the same time.
        sqlstate: The code by which the others are refused.
        message: The words by which they are.

    Attributes:
        port: Where it listens.
        refused: How many clients it refused.
    """

    def __init__(self, port: int, *, clients: int, sqlstate: str, message: str) -> None:
        self._server_port = port
        self._free = clients
        self._refusal = refusal(sqlstate, message, severity="FATAL")
        self._server: asyncio.Server | None = None
        self.port = 0
        self.refused = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        await stop_accepting(self._server)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while (start := await read_start(reader))[0] in {SSL_REQUEST, GSSENC_REQUEST}:
                writer.write(b"N")
            if start[0] == CANCEL_REQUEST:
                writer.close()
            elif self._free:
                await self._let_through(reader, writer, start)
            else:
                self.refused += 1
                writer.write(self._refusal)
                await writer.drain()
                writer.close()

    async def _let_through(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, start: tuple[int, bytes]
    ) -> None:
        self._free -= 1
        try:
            answers, questions = await asyncio.open_connection("127.0.0.1", self._server_port)
            code, body = start
            questions.write(struct.pack("!ii", len(body) + 8, code) + body)
            await asyncio.gather(_relay(reader, questions), _relay(answers, writer))
        finally:
            self._free += 1


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
