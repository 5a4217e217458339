"""The few messages of PostgreSQL's protocol that a proxy has to read and write by itself.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import asyncio
from collections.abc import Iterator, Mapping

TERMINATE = b"X\0\0\0\x04"
"""A client's goodbye."""

CANCEL_REQUEST = 80877102
SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104
PROTOCOL_3 = 196608

_LENGTH = 4
_HEAD = 5


async def read_start(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read the first message of a client: its code, and what follows the code."""
    size = int.from_bytes(await reader.readexactly(_LENGTH))
    body = await reader.readexactly(size - _LENGTH)
    return int.from_bytes(body[:_LENGTH]), body[_LENGTH:]


def write_start(code: int, body: bytes) -> bytes:
    """The first message of a client, or any other one without a type."""
    return (2 * _LENGTH + len(body)).to_bytes(_LENGTH) + code.to_bytes(_LENGTH) + body


def read_parameters(body: bytes) -> dict[str, str]:
    """What a StartupMessage asks for."""
    words = body.rstrip(b"\0").decode().split("\0")
    return dict(zip(words[::2], words[1::2], strict=True))


def write_parameters(parameters: Mapping[str, str]) -> bytes:
    """The body of a StartupMessage that asks for these."""
    return "".join(f"{name}\0{value}\0" for name, value in parameters.items()).encode() + b"\0"


def write_error(text: str, *, sqlstate: str) -> bytes:
    """An ErrorResponse after which the connection ends."""
    fields = (("S", "ERROR"), ("V", "ERROR"), ("C", sqlstate), ("M", text))
    body = "".join(f"{kind}{value}\0" for kind, value in fields).encode() + b"\0"
    return b"E" + (_LENGTH + len(body)).to_bytes(_LENGTH) + body


class ServerMessages:
    """Takes what a server sends apart, whatever the chunks it comes in."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def read(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The messages that are whole now: the type of each, and its body."""
        self._buffer += data
        begin = 0
        while len(self._buffer) - begin >= _HEAD:
            end = begin + 1 + int.from_bytes(self._buffer[begin + 1 : begin + _HEAD])
            if len(self._buffer) < end:
                break
            yield bytes(self._buffer[begin : begin + 1]), bytes(self._buffer[begin + _HEAD : end])
            begin = end
        del self._buffer[:begin]
