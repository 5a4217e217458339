"""Messages of PostgreSQL's protocol, as the proxy of a test's transaction reads and writes them.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import asyncio
from collections.abc import Iterator, Mapping

from wellhead.testing.protocol import error_response

_LENGTH = 4

SYNC = b"S\x00\x00\x00\x04"

PARSE_COMPLETE = b"1\x00\x00\x00\x04"
BIND_COMPLETE = b"2\x00\x00\x00\x04"
CLOSE_COMPLETE = b"3\x00\x00\x00\x04"
NO_DATA = b"n\x00\x00\x00\x04"
NO_PARAMETERS = b"t\x00\x00\x00\x06\x00\x00"


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The next message: its type, and its body."""
    head = await reader.readexactly(1 + _LENGTH)
    return head[:1], await reader.readexactly(int.from_bytes(head[1:]) - _LENGTH)


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


def error_body(sqlstate: str, message: str) -> bytes:
    """The body of an error of the proxy's own, which ends no connection."""
    whole = error_response(sqlstate, message, severity="ERROR", is_fatal=False)
    return whole[1 + _LENGTH :]


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
