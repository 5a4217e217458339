"""One connection that the proxy passes on: everything goes through, and is counted."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.staging.neon.compute import Session
from tests.staging.neon.greeting import Client

_CHUNK: Final = 65536


@dataclass(slots=True)
class Traffic:
    """What has been passed on, over all connections.

    Attributes:
        reached: Connections.
        to_compute: Bytes that went there.
        from_compute: Bytes that came back.
    """

    reached: int = 0
    to_compute: int = 0
    from_compute: int = 0


class Relay:
    """Passes a client's bytes on to the compute and back, and notes what they say of its use.

    Args:
        session: Takes the notes.
        client: One side.
        compute: The other side.
        traffic: Where bytes are counted.
    """

    def __init__(
        self,
        session: Session,
        client: Client,
        compute: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        traffic: Traffic,
    ) -> None:
        self._session = session
        self._client = client
        self._from_compute, self._to_compute = compute
        self._traffic = traffic

    async def run(self, start: bytes) -> None:
        """Pass on until the compute hangs up, as it does when the client has done so.

        Args:
            start: What the compute hears first.
        """
        self._send(start)
        there = asyncio.create_task(self._carry_there())
        try:
            await self._carry_back()
        finally:
            there.cancel()
            self._to_compute.transport.abort()
            await asyncio.wait([there])

    async def _carry_there(self) -> None:
        loop = asyncio.get_running_loop()
        with _whoever_hangs_up(self._to_compute):
            while data := await self._client.reader.read(_CHUNK):
                self._session.note_client(data, loop.time())
                self._send(data)
                await self._to_compute.drain()
            self._to_compute.write_eof()

    async def _carry_back(self) -> None:
        loop, writer = asyncio.get_running_loop(), self._client.writer
        with _whoever_hangs_up(writer):
            while data := await self._from_compute.read(_CHUNK):
                self._session.note_server(data, loop.time())
                self._traffic.from_compute += len(data)
                writer.write(data)
                await writer.drain()
            self._session.heard_all.set()
            await self._client.hang_up()

    def _send(self, data: bytes) -> None:
        self._traffic.to_compute += len(data)
        self._to_compute.write(data)


@contextmanager
def _whoever_hangs_up(sink: asyncio.StreamWriter) -> Iterator[None]:
    # A side that was reset, or went away in the middle of TLS, is gone like any other.
    try:
        yield
    except (OSError, ssl.SSLError):
        sink.transport.abort()
