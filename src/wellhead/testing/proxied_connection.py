"""One connection through a :class:`wellhead.testing.proxy.TCPProxy`: what passes, and when."""

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

_CHUNK = 65536
_CHUNKS_ON_THE_WAY = 64
"""Each way. A network's buffers are bounded, too: a side that reads slowly slows the other down."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, for 0 seconds

Target = tuple[str, int]
"""A host and a port; or the directory of a Unix socket, and the number in the socket's name."""


class Ear(Protocol):
    """Hears what is said on one connection."""

    def hear_client(self, data: bytes) -> None:
        """Bytes of the client have arrived."""

    def hear_server(self, data: bytes) -> None:
        """Bytes of the server have arrived, and not yet gone on."""


@dataclass(slots=True)
class Trap:
    """Words of a client at which its connection breaks."""

    pattern: bytes
    passes: bool
    is_noticed: bool
    sprung: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Weather:
    """What befalls all connections of one proxy.

    Attributes:
        flowing: Set while anything is forwarded.
        delay: Seconds by which each chunk is held back.
        swallows: Whether what is forwarded is lost.
        traps: At what connections break, one after the other.
        wake: Waited for before a client's connection is passed on to the server.
        orphans: Sides of the server whose client is gone, and that are not to notice it.
    """

    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    delay: float = 0.0
    swallows: bool = False
    traps: list[Trap] = field(default_factory=list)
    wake: Callable[[], Awaitable[None]] | None = None
    orphans: list[asyncio.StreamWriter] = field(default_factory=list)


class ProxiedConnection:
    """One connection of a client, and the connection to the server behind it.

    Args:
        reader: What the client says.
        writer: The way to the client.
        weather: What befalls it.
        ear: Hears what is said.

    Attributes:
        ends_by_reset: Whether both sides are to end by a TCP reset.
        last_words: What the client still hears before it is hung up on.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        weather: Weather,
        ear: Ear,
    ) -> None:
        self.ends_by_reset = False
        self.last_words = b""
        self._reader = reader
        self._writers = [writer]
        self._weather = weather
        self._ear = ear
        self._trap: Trap | None = None
        self._is_lost = False

    async def run(self, target: Target) -> None:
        """Forward until both sides have ended, or the task is cancelled."""
        client = self._writers[0]
        try:
            if self._weather.swallows:
                while await self._reader.read(_CHUNK):
                    pass
                return
            if self._weather.wake is not None:
                await self._weather.wake()
            reader, server = await _connect(target)
            self._writers.append(server)
            async with asyncio.TaskGroup() as group:
                for source, sink, heard in (
                    (self._reader, server, self._hear_client),
                    (reader, client, self._hear_server),
                ):
                    chunks: asyncio.Queue[_Chunk] = asyncio.Queue(_CHUNKS_ON_THE_WAY)
                    group.create_task(self._receive(source, chunks, heard))
                    group.create_task(self._send(chunks, sink))
        except* OSError:
            # One side was reset or is down: the other side learns it in the same way.
            self.ends_by_reset = True
        finally:
            await self._close()

    def give_up_server(self) -> None:
        """End the connection to the server of a link that has lost something."""
        if self._is_lost:
            self._writers[-1].transport.abort()

    async def _receive(
        self,
        source: asyncio.StreamReader,
        chunks: "asyncio.Queue[_Chunk]",
        heard: Callable[[bytes], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        while data := await source.read(_CHUNK):
            heard(data)
            await chunks.put(_Chunk(loop.time() + self._weather.delay, data))
        await chunks.put(_Chunk(loop.time() + self._weather.delay, b""))

    async def _send(self, chunks: "asyncio.Queue[_Chunk]", sink: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            chunk = await chunks.get()
            if (wait := chunk.due - loop.time()) > 0:
                await asyncio.sleep(wait)
            await self._weather.flowing.wait()
            self._is_lost |= self._weather.swallows
            if self._is_lost:
                continue
            if not chunk.data:
                sink.write_eof()
                return
            sink.write(chunk.data)
            await sink.drain()

    def _hear_client(self, data: bytes) -> None:
        self._ear.hear_client(data)
        traps = self._weather.traps
        if traps and re.search(traps[0].pattern, data):
            self._trap = traps.pop(0)
            if not self._trap.passes:
                self._spring(self._trap)

    def _hear_server(self, data: bytes) -> None:
        self._ear.hear_server(data)
        if self._trap is not None:
            self._spring(self._trap)

    def _spring(self, trap: Trap) -> None:
        trap.sprung.set()
        if not trap.is_noticed:
            self._weather.orphans.append(self._writers.pop())
        raise ConnectionResetError

    async def _close(self) -> None:
        client = self._writers[0]
        if self.last_words:
            client.write(self.last_words)
        for writer in self._writers:
            if self.ends_by_reset:
                connection: socket.socket = writer.get_extra_info("socket")
                # It may have ended by itself in the meantime.
                with suppress(OSError):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()
        for writer in self._writers:
            with suppress(OSError):
                await writer.wait_closed()


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Bytes on their way, or the end of the stream where there are none."""

    due: float
    data: bytes


async def _connect(target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = target
    if host.startswith("/"):
        return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
    return await asyncio.open_connection(host, port)
