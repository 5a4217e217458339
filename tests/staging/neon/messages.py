"""The few messages of PostgreSQL's protocol that a proxy has to read and write by itself.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from collections.abc import Mapping

TERMINATE = b"X\0\0\0\x04"
"""A client's goodbye."""

PROTOCOL_3 = 196608

_LENGTH = 4


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
