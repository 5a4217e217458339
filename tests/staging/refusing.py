"""A server or proxy that refuses: it hears who wants to connect, says one thing, and hangs up."""

import asyncio
import struct
from typing import Self

_SSL_REQUEST = 80877103
_GSS_REQUEST = 80877104


class RefusingServer:
    """Listens on a free port of 127.0.0.1 and answers each start-up in the same way.

    Args:
        sqlstate: The code of its answer.
        message: The text of its answer.
        is_silent: Hang up without a word instead, when the start-up has come.

    Attributes:
        port: Where it listens.
        startups: How many wanted to connect.
    """

    def __init__(self, sqlstate: str = "", message: str = "", *, is_silent: bool = False) -> None:
        self._answer = b"" if is_silent else _error_response(sqlstate, message)
        self._server: asyncio.Server | None = None
        self.port = 0
        self.startups = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await _read_startup(reader) in {_SSL_REQUEST, _GSS_REQUEST}:
                writer.write(b"N")
            self.startups += 1
            writer.write(self._answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # Some look whether anybody is there, and go.
        finally:
            writer.close()


async def _read_startup(reader: asyncio.StreamReader) -> int:
    length, code = struct.unpack("!ii", await reader.readexactly(8))
    await reader.readexactly(length - 8)
    return int(code)


def _error_response(sqlstate: str, message: str) -> bytes:
    fields = {"S": "FATAL", "V": "FATAL", "C": sqlstate, "M": message}
    body = "".join(f"{kind}{value}\0" for kind, value in fields.items()).encode() + b"\0"
    return b"E" + struct.pack("!i", len(body) + 4) + body
