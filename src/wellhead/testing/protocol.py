"""The few messages of PostgreSQL's protocol that a network has to read and write by itself.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import asyncio
from collections.abc import Iterator

CANCEL_REQUEST = 80877102
SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104

_LENGTH = 4
_HEAD = 5


class Messages:
    """Takes what one side says after its start-up apart, whatever the chunks it comes in."""

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


class ClientMessages:
    """Takes all that a client says apart; what comes before its start-up is left out."""

    def __init__(self) -> None:
        self._start: bytearray | None = bytearray()
        self._messages = Messages()

    def read(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The messages that are whole now: the type of each, and its body."""
        if self._start is not None:
            self._start += data
            data = self._after_start(self._start)
        return self._messages.read(data)

    def _after_start(self, said: bytearray) -> bytes:
        while len(said) >= 2 * _LENGTH:
            size, code = int.from_bytes(said[:_LENGTH]), int.from_bytes(said[_LENGTH : 2 * _LENGTH])
            if len(said) < size:
                break
            del said[:size]
            if code not in {SSL_REQUEST, GSSENC_REQUEST}:
                self._start = None
                return bytes(said)
        return b""


async def read_start(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read the first message of a client: its code, and what follows the code."""
    size = int.from_bytes(await reader.readexactly(_LENGTH))
    body = await reader.readexactly(size - _LENGTH)
    return int.from_bytes(body[:_LENGTH]), body[_LENGTH:]


def error_response(
    sqlstate: str, message: str, *, severity: str = "FATAL", is_fatal: bool = True
) -> bytes:
    """An ErrorResponse: https://www.postgresql.org/docs/current/protocol-error-fields.html.

    Args:
        sqlstate: Its code.
        message: Its text.
        severity: Its severity in the server's language.
        is_fatal: Whether it is FATAL in all languages, or an ERROR.
    """
    kind = "FATAL" if is_fatal else "ERROR"
    fields = {"S": severity, "V": kind, "C": sqlstate, "M": message}
    body = "".join(f"{kind}{value}\0" for kind, value in fields.items()).encode() + b"\0"
    return b"E" + (_LENGTH + len(body)).to_bytes(_LENGTH) + body
