"""A TCP proxy that counts what passes, and that breaks when a test asks for it.

The tests of Wellhead itself, its fault suite and its benchmarks use it in their own event loop. The
tests of an application have it in a thread of its own: :class:`wellhead.testing.Network`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

from wellhead.testing.accepting import stop_accepting
from wellhead.testing.proxied_connection import Ear, ProxiedConnection, Trap, Weather

COMMIT = rb"COMMIT[;\0]"
"""How either driver says it; asyncpg's BEGIN holds the words READ COMMITTED."""


class TCPProxy:
    """Listens on a port of 127.0.0.1 and forwards to a server.

    It runs in the event loop in which it is entered. Everything that it counts is counted when
    bytes arrive at the proxy, over all its connections, since the start or the last `reset`.

    >>> async with TCPProxy("127.0.0.1", 5432) as proxy:
    ...     url = f"postgresql://user:password@{proxy.host}:{proxy.port}/database"
    ...     await proxy.refuse()
    ...     await proxy.cut()

    Args:
        host: Where the server is: its name or address, or the directory of its Unix socket.
        port: Its port.
        ear: Gives for each connection what hears all that is said on it; None for nothing.
        own_port: Where it listens; 0 for a port that the system chooses.

    Attributes:
        connections: Connections that clients opened.
        bytes_to_server: Bytes that clients sent.
        bytes_to_client: Bytes that the server sent.
        round_trips: How often a client sent something after it had received something: its first
            bytes, and its first bytes after each response. What it sends without waiting is one.
    """

    def __init__(
        self, host: str, port: int, *, ear: Callable[[], Ear] | None = None, own_port: int = 0
    ) -> None:
        self._target = (host, port)
        self._ear = ear
        self._server: asyncio.Server | None = None
        self._port = own_port
        self._connections: dict[asyncio.Task[None], ProxiedConnection] = {}
        self._weather = Weather()
        self._weather.flowing.set()
        self.reset()

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.refuse()
        await self.cut()
        for server in self._weather.orphans:
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
        return len(self._connections)

    def reset(self) -> None:
        """Count from zero; the connections themselves stay."""
        self.connections = 0
        self.bytes_to_server = 0
        self.bytes_to_client = 0
        self.round_trips = 0

    async def accept(self) -> None:
        """Take new connections, on the same port as before.

        Raises:
            OSError: Another program listens there.
        """
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, self.host, self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    def lead_to(self, port: int) -> None:
        """Take new connections to another port of the same host; open ones stay."""
        self._target = (self._target[0], port)

    async def refuse(self) -> None:
        """Refuse new connections, as a server that is down; open ones stay."""
        server, self._server = self._server, None
        if server is not None:
            await stop_accepting(server)

    async def cut(self, *, last_words: bytes = b"") -> int:
        """Close all open connections normally, like a server that shuts down.

        Args:
            last_words: Bytes that are sent to each client first.

        Returns:
            How many there were.
        """
        return await self._end(reset=False, last_words=last_words)

    async def reset_connections(self) -> int:
        """Break all open connections by a TCP reset, like a server or a middlebox that crashed.

        Returns:
            How many there were.
        """
        return await self._end(reset=True)

    def stall(self) -> None:
        """Forward nothing from now on, like a network that loses every packet; keep the data."""
        self._weather.flowing.clear()

    def resume(self) -> None:
        """Forward again, beginning with the data kept since `stall`."""
        self._weather.flowing.set()

    def swallow(self) -> None:
        """Lose every byte from now on, each way, and stay silent; also on new connections.

        A connection that has lost a byte stays silent for its client after `deliver`, too.
        """
        self._weather.swallows = True

    def deliver(self) -> None:
        """Stop losing bytes; the server gives up the connections that have lost something."""
        self._weather.swallows = False
        for connection in self._connections.values():
            connection.give_up_server()

    def delay(self, seconds: float) -> None:
        """Delay each direction by this time; a round trip takes twice as long."""
        self._weather.delay = seconds

    def wake_first(self, wake: Callable[[], Awaitable[None]] | None) -> None:
        """Await this before a new connection is passed on, as for a server that has to wake up.

        Args:
            wake: Called once for each connection; None for nothing.
        """
        self._weather.wake = wake

    def break_at(self, pattern: bytes, *, passes: bool, is_noticed: bool = True) -> asyncio.Event:
        """Reset the connection whose client next sends something that matches; once.

        Several calls take effect one after the other. Encrypted text, or text that arrives in two
        pieces, does not match.

        Args:
            pattern: A regular expression such as `COMMIT`.
            passes: Whether the server gets what the client sent. The connection then breaks when
                the server has responded, and the client does not get the response.
            is_noticed: Whether the server notices; otherwise its side stays open, as behind a
                middlebox that lost its memory.

        Returns:
            Set when it has happened.
        """
        trap = Trap(pattern, passes, is_noticed)
        self._weather.traps.append(trap)
        return trap.sprung

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:
            # It was accepted just before that ended.
            writer.transport.abort()
            return
        self.connections += 1
        ear = _Counting(self, None if self._ear is None else self._ear())
        connection = ProxiedConnection(reader, writer, self._weather, ear)
        task = asyncio.get_running_loop().create_task(connection.run(self._target))
        self._connections[task] = connection
        task.add_done_callback(self._connections.pop)
        # One that is cancelled before it runs closes nothing by itself.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _end(self, *, reset: bool, last_words: bytes = b"") -> int:
        connections = dict(self._connections)
        for task, connection in connections.items():
            connection.ends_by_reset, connection.last_words = reset, last_words
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        return len(connections)


class _Counting:
    """Counts what is said on one connection.

    Args:
        proxy: Whose counts.
        further: Hears it, too.
    """

    def __init__(self, proxy: TCPProxy, further: Ear | None) -> None:
        self._proxy = proxy
        self._further = further
        self._client_spoke_last = False

    def hear_client(self, data: bytes) -> None:
        self._proxy.bytes_to_server += len(data)
        self._proxy.round_trips += not self._client_spoke_last
        self._client_spoke_last = True
        if self._further is not None:
            self._further.hear_client(data)

    def hear_server(self, data: bytes) -> None:
        self._proxy.bytes_to_client += len(data)
        self._client_spoke_last = False
        if self._further is not None:
            self._further.hear_server(data)
