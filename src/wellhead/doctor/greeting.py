"""The first messages of PostgreSQL's protocol, one by one, as far as the question for a password.

No driver shows where a connection got stuck.
https://www.postgresql.org/docs/current/protocol-flow.html
"""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final, Self

from wellhead.doctor.case import Address

_SSL_REQUEST: Final = (8).to_bytes(4) + (80877103).to_bytes(4)
_PROTOCOL_3: Final = 196608
_LONGEST: Final = 65536
"""A longer message is not one that a server sends before a login."""


class Wire:
    """A connection to one address; every wait ends after a limit.

    Args:
        address: Where it leads.
        limit: Seconds for each step.
        reader: What arrives.
        writer: What is sent.
    """

    def __init__(
        self,
        address: Address,
        limit: float,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._address = address
        self._limit = limit
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, address: Address, limit: float) -> Self:
        """Connect.

        Raises:
            TimeoutError: Nothing responded in time.
            OSError: The address cannot be reached.
        """
        async with asyncio.timeout(limit):
            if address.host.is_socket:
                streams = await asyncio.open_unix_connection(address.name)
            else:
                streams = await asyncio.open_connection(address.name, address.host.port)
        return cls(address, limit, *streams)

    async def ask_for_tls(self) -> bytes:
        """Offer TLS.

        Returns:
            ``S`` for yes, ``N`` for no; nothing if the other side hung up; or what else it said.

        Raises:
            TimeoutError: It said nothing in time.
            OSError: The connection was lost.
        """
        self._writer.write(_SSL_REQUEST)
        async with asyncio.timeout(self._limit):
            return await self._reader.read(1)

    async def start_tls(self, context: ssl.SSLContext) -> ssl.SSLObject:
        """Encrypt, naming the host of the URL in the handshake.

        Raises:
            ssl.SSLError: The handshake failed.
            TimeoutError: It did not end in time.
            OSError: The connection was lost.
        """
        await self._writer.start_tls(
            context,
            server_hostname=self._address.host.name,
            ssl_handshake_timeout=self._limit,
        )
        found: ssl.SSLObject = self._writer.get_extra_info("ssl_object")
        return found

    async def begin(self, parameters: Mapping[str, str]) -> tuple[bytes, bytes]:
        """Say who wants to connect, and read the first message that comes back.

        Returns:
            The type of the message and its body: ``R`` says how to authenticate, ``E`` refuses.

        Raises:
            TimeoutError: It said nothing in time.
            OSError: The connection was lost, or what arrived is no message.
        """
        body = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items())
        body = _PROTOCOL_3.to_bytes(4) + body + b"\0"
        self._writer.write((len(body) + 4).to_bytes(4) + body)
        try:
            async with asyncio.timeout(self._limit):
                head = await self._reader.readexactly(5)
                size = int.from_bytes(head[1:]) - 4
                if not 0 <= size <= _LONGEST:
                    raise ConnectionError("what arrived is no message of PostgreSQL")
                return head[:1], await self._reader.readexactly(size)
        except asyncio.IncompleteReadError as error:
            raise ConnectionError("the connection was closed") from error

    def close(self) -> None:
        """Hang up without waiting."""
        self._writer.transport.abort()
