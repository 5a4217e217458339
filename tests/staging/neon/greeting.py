"""How a client and the proxy agree on TLS, and what the client says of where it wants to go."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import Final

from tests.staging.pki import Certificate
from wellhead.testing.framing import GSSENC_REQUEST, SSL_REQUEST

_TLS_HANDSHAKE: Final = 0x16
_HEAD: Final = 8
# Clients that are not in an event loop of their own do not answer the end of TLS.
_GOODBYE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Client:
    """A client whose first message is still to be read.

    Attributes:
        name: The host name that it gave in the TLS handshake; None where it gave none.
        is_encrypted: Whether it speaks TLS.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    name: str | None
    is_encrypted: bool

    async def hang_up(self) -> None:
        """Say goodbye, if the client is still there."""
        # A TLS transport that is closed once more cannot be aborted any more by Python 3.11.2.
        if not self.writer.is_closing():
            self.writer.close()
            await self.writer.wait_closed()


async def greet(connection: socket.socket, certificate: Certificate) -> Client:
    """Agree on TLS, by PostgreSQL's own request or at once, as the client likes it.

    Raises:
        OSError: The client went away, or does not trust the certificate.
        EOFError: It went away before it said anything.
    """
    names: list[str] = []
    context = _context(certificate, names) if await _wants_tls(connection) else None
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(
        lambda: protocol,
        connection,
        ssl=context,
        ssl_shutdown_timeout=None if context is None else _GOODBYE,
    )
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    return Client(reader, writer, names[0] if names else None, context is not None)


async def _wants_tls(connection: socket.socket) -> bool:
    loop = asyncio.get_running_loop()
    while True:
        head = await _peek(connection)
        if head[0] == _TLS_HANDSHAKE:
            return True
        code = int.from_bytes(head[4:])
        if code not in {GSSENC_REQUEST, SSL_REQUEST}:
            return False
        await loop.sock_recv(connection, _HEAD)
        if code == SSL_REQUEST:
            await loop.sock_sendall(connection, b"S")
            return True
        await loop.sock_sendall(connection, b"N")


def _context(certificate: Certificate, names: list[str]) -> ssl.SSLContext:
    def note(_: object, name: str | None, __: object) -> None:
        if name is not None:
            names.append(name)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    context.set_alpn_protocols(["postgresql"])
    context.sni_callback = note
    return context


async def _peek(connection: socket.socket) -> bytes:
    """The first bytes of a client; they stay where they are."""
    loop = asyncio.get_running_loop()
    while True:
        readable = asyncio.Event()
        loop.add_reader(connection, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(connection)
        head = connection.recv(_HEAD, socket.MSG_PEEK)
        if len(head) == _HEAD:
            return head
        if not head:
            raise EOFError
        await asyncio.sleep(0.001)  # The rest is on its way, and the socket is readable till then.
