"""A TCP proxy that counts what passes, and that breaks when a test asks for it."""

import asyncio
import re
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

COMMIT = rb"COMMIT[;\0]"
"""How either driver says it; asyncpg's BEGIN holds the words READ COMMITTED."""

_CHUNK = 65536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, for 0 seconds


@dataclass(slots=True)
class _Network:
    """The weather on all connections of one proxy."""

    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    delay: float = 0.0
    swallows: bool = False
    traps: "list[_Trap]" = field(default_factory=list)
    orphans: list[asyncio.StreamWriter] = field(default_factory=list)


@dataclass(slots=True)
class _Trap:
    """Words of a client at which its connection breaks."""

    pattern: bytes
    passes: bool
    is_noticed: bool
    sprung: asyncio.Event = field(default_factory=asyncio.Event)


class TCPProxy:
    """Listens on a free port of 127.0.0.1 and forwards to a server.

    It runs in the event loop of the test. Everything that it counts is counted when bytes arrive
    at the proxy, over all its connections, since the start or the last `reset`.

    Attributes:
        connections: Connections that clients opened.
        bytes_to_server: Bytes that clients sent.
        bytes_to_client: Bytes that the server sent.
        round_trips: How often a client spoke after it had last listened: its first bytes, and its
            first bytes after each answer. What a client sends in one go without waiting is one.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._links: dict[asyncio.Task[None], _Link] = {}
        self._network = _Network()
        self._network.flowing.set()
        self.reset()

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.refuse()
        await self.cut()
        for server in self._network.orphans:
            server.transport.abort()

    @property
    def host(self) -> str:
        """The address to connect to."""
        return "127.0.0.1"

    @property
    def port(self) -> int:
        """The port to connect to; it stays the same through `refuse` and `accept`."""
        return self._port

    @property
    def open_connections(self) -> int:
        """Connections that are open now."""
        return len(self._links)

    def reset(self) -> None:
        """Count from zero; the connections themselves stay."""
        self.connections = 0
        self.bytes_to_server = 0
        self.bytes_to_client = 0
        self.round_trips = 0

    async def accept(self) -> None:
        """Take new connections, on the same port as before."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, self.host, self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Refuse new connections, as a server that is down; open ones stay."""
        server, self._server = self._server, None
        if server is not None:
            # Not wait_closed: from Python 3.12 on it waits for the open connections, too.
            server.close()
            await asyncio.sleep(0)

    async def cut(self) -> None:
        """Close all open connections in order, as a server that shuts down."""
        await self._end(reset=False)

    async def reset_connections(self) -> None:
        """Break all open connections by a TCP reset, as a server or a middlebox that crashed."""
        await self._end(reset=True)

    def stall(self) -> None:
        """Forward nothing from now on and stay silent, as a network that loses every packet."""
        self._network.flowing.clear()

    def resume(self) -> None:
        """Forward again, first what has gathered since `stall`."""
        self._network.flowing.set()

    def swallow(self) -> None:
        """Lose every byte from now on, each way, and stay silent; also on new connections.

        A connection that has lost a byte stays silent for its client after `deliver`, too.
        """
        self._network.swallows = True

    def deliver(self) -> None:
        """Lose nothing any more; the server gives up the connections that have lost something."""
        self._network.swallows = False
        for link in self._links.values():
            link.give_up_server()

    def delay(self, seconds: float) -> None:
        """Hold every chunk back for so long, each way; a round trip takes twice as long."""
        self._network.delay = seconds

    def break_at(self, pattern: bytes, *, passes: bool, is_noticed: bool = True) -> asyncio.Event:
        """Break the connection whose client next says this, by a TCP reset; once.

        Several such orders are carried out one after the other. What is encrypted or comes in two
        pieces is not heard.

        Args:
            pattern: A regular expression such as `COMMIT`.
            passes: Whether the server gets what was said. The connection then breaks when the
                server has answered, and the client does not get the answer.
            is_noticed: Whether the server notices; otherwise its side stays open, as behind a
                middlebox that lost its memory.

        Returns:
            Set when it has happened.
        """
        trap = _Trap(pattern, passes, is_noticed)
        self._network.traps.append(trap)
        return trap.sprung

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:
            # It was accepted just before that ended.
            writer.transport.abort()
            return
        self.connections += 1
        link = _Link(reader, writer, self._network, self._count)
        task = asyncio.get_running_loop().create_task(link.run(self._target))
        self._links[task] = link
        task.add_done_callback(self._links.pop)
        # One that is cancelled before it runs closes nothing by itself.
        task.add_done_callback(lambda _: writer.transport.abort())

    def _count(self, *, to_server: int = 0, to_client: int = 0, round_trips: int = 0) -> None:
        self.bytes_to_server += to_server
        self.bytes_to_client += to_client
        self.round_trips += round_trips

    async def _end(self, *, reset: bool) -> None:
        links = dict(self._links)
        for task, link in links.items():
            link.ends_by_reset = reset
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)


class _Link:
    """One connection of a client, and the connection to the server behind it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        network: _Network,
        count: Callable[..., None],
    ) -> None:
        self.ends_by_reset = False
        self._reader = reader
        self._writers = [writer]
        self._network = network
        self._count = count
        self._client_spoke_last = False
        self._trap: _Trap | None = None
        self._is_lost = False

    async def run(self, target: tuple[str, int]) -> None:
        """Forward until both sides have ended, or the task is cancelled."""
        client = self._writers[0]
        try:
            if self._network.swallows:
                while await self._reader.read(_CHUNK):
                    pass
                return
            reader, server = await asyncio.open_connection(*target)
            self._writers.append(server)
            async with asyncio.TaskGroup() as group:
                for source, sink, heard in (
                    (self._reader, server, self._hear_client),
                    (reader, client, self._hear_server),
                ):
                    chunks: asyncio.Queue[_Chunk] = asyncio.Queue()
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
            chunks.put_nowait(_Chunk(loop.time() + self._network.delay, data))
        chunks.put_nowait(_Chunk(loop.time() + self._network.delay, b""))

    async def _send(self, chunks: "asyncio.Queue[_Chunk]", sink: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            chunk = await chunks.get()
            if (wait := chunk.due - loop.time()) > 0:
                await asyncio.sleep(wait)
            await self._network.flowing.wait()
            self._is_lost |= self._network.swallows
            if self._is_lost:
                continue
            if not chunk.data:
                sink.write_eof()
                return
            sink.write(chunk.data)
            await sink.drain()

    def _hear_client(self, data: bytes) -> None:
        self._count(to_server=len(data), round_trips=not self._client_spoke_last)
        self._client_spoke_last = True
        traps = self._network.traps
        if traps and re.search(traps[0].pattern, data):
            self._trap = traps.pop(0)
            if not self._trap.passes:
                self._spring(self._trap)

    def _hear_server(self, data: bytes) -> None:
        self._count(to_client=len(data))
        self._client_spoke_last = False
        if self._trap is not None:
            self._spring(self._trap)

    def _spring(self, trap: _Trap) -> None:
        trap.sprung.set()
        if not trap.is_noticed:
            self._network.orphans.append(self._writers.pop())
        raise ConnectionResetError

    async def _close(self) -> None:
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
