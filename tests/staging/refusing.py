"""A server or proxy that refuses: it hears who wants to connect, says one thing, and hangs up."""

import asyncio
from typing import Self

from wellhead.testing.accepting import stop_accepting
from wellhead.testing.framing import GSSENC_REQUEST, SSL_REQUEST, read_start, refusal


class RefusingServer:
    """Listens on a free port of 127.0.0.1 and answers each start-up in the same way.

    Args:
        sqlstate: The code of its answer.
        message: The text of its answer.
        severity: Its severity in the server's language.
        is_silent: Hang up without a word instead, when the start-up has come.

    Attributes:
        port: Where it listens.
        startups: How many wanted to connect.
    """

    def __init__(
        self,
        sqlstate: str = "",
        message: str = "",
        *,
        severity: str = "FATAL",
        is_silent: bool = False,
    ) -> None:
        self._answer = (
            b"" if is_silent else refusal(sqlstate, message, severity="FATAL", spoken=severity)
        )
        self._server: asyncio.Server | None = None
        self.port = 0
        self.startups = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        await stop_accepting(self._server)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (await read_start(reader))[0] in {SSL_REQUEST, GSSENC_REQUEST}:
                writer.write(b"N")
            self.startups += 1
            writer.write(self._answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # Some look whether anybody is there, and go.
        finally:
            writer.close()
