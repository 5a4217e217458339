"""Messages of PostgreSQL's protocol, as what is between an application and its server needs them.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import asyncio
from collections.abc import Iterator, Mapping

_LENGTH = 4
_HEAD = 1 + _LENGTH

CANCEL_REQUEST = 80877102
SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104

SYNC = b"S\x00\x00\x00\x04"

PARSE_COMPLETE = b"1\x00\x00\x00\x04"
BIND_COMPLETE = b"2\x00\x00\x00\x04"
CLOSE_COMPLETE = b"3\x00\x00\x00\x04"
NO_DATA = b"n\x00\x00\x00\x04"
NO_PARAMETERS = b"t\x00\x00\x00\x06\x00\x00"


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


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The next message: its type, and its body."""
    head = await reader.readexactly(_HEAD)
    return head[:1], await reader.readexactly(int.from_bytes(head[1:]) - _LENGTH)


async def read_start(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The first message of a client, which has no type: its code, and what follows the code."""
    size = int.from_bytes(await reader.readexactly(_LENGTH))
    body = await reader.readexactly(size - _LENGTH)
    return int.from_bytes(body[:_LENGTH]), body[_LENGTH:]


def framed(kind: bytes, body: bytes = b"") -> bytes:
    """A message as it is sent."""
    return kind + (len(body) + _LENGTH).to_bytes(_LENGTH) + body


def query(sql: str) -> bytes:
    """A simple query."""
    return framed(b"Q", sql.encode() + b"\0")


def complete(tag: str) -> bytes:
    """The end of a statement that succeeded."""
    return framed(b"C", tag.encode() + b"\0")


def ready(status: bytes) -> bytes:
    """The end of a response: idle (I), in a transaction (T) or in a failed one (E)."""
    return framed(b"Z", status)


def refusal(
    sqlstate: str,
    message: str,
    *,
    hint: str = "",
    severity: str = "ERROR",
    spoken: str | None = None,
) -> bytes:
    """An error that the server did not make.

    Args:
        sqlstate: Its code.
        message: Its text.
        hint: What to do.
        severity: ERROR, or FATAL where the connection ends.
        spoken: The severity in the server's language; None for English.
    """
    fields = {"S": spoken or severity, "V": severity, "C": sqlstate, "M": message, "H": hint}
    body = "".join(f"{kind}{value}\0" for kind, value in fields.items() if value)
    return framed(b"E", body.encode() + b"\0")


def fields_of(body: bytes) -> dict[str, str]:
    """What an error says, by the letters of its fields."""
    parts = body.rstrip(b"\0").split(b"\0")
    return {part[:1].decode(): part[1:].decode("utf-8", "replace") for part in parts if part}


def texts_of(body: bytes, count: int) -> tuple[list[bytes], bytes]:
    """The first texts of a message, and what follows them."""
    *texts, rest = body.split(b"\0", count)
    return texts, rest


def pairs_of(body: bytes) -> Iterator[tuple[str, str]]:
    """The parameters of a client's start."""
    texts = [text.decode() for text in body.rstrip(b"\0").split(b"\0")]
    return zip(texts[::2], texts[1::2], strict=False)


def parameter_statuses(values: Mapping[str, str]) -> bytes:
    """What a server tells of its settings at the start."""
    return b"".join(framed(b"S", f"{name}\0{value}\0".encode()) for name, value in values.items())
