"""Shutting down a server without resetting connections.

When a listener is closed, the kernel resets connections that were not accepted yet; when a
keep-alive connection is closed, a request may be on its way. So new connections are blocked first,
then existing ones get a moment to send a request, and only then they are closed.
"""

import asyncio
import ctypes
import socket
import struct
import sys

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

SETTLE = 0.1
"""Seconds between blocking new connections and closing the listener."""

LINGER = 0.5
"""Seconds that an idle connection stays open for a request that is on its way."""

# For every packet: load the TCP flags; if SYN, drop it; otherwise accept it.
# https://docs.kernel.org/networking/filter.html
_DROP_SYN = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFF))
)
_SO_ATTACH_FILTER = 26


def turn_away(listener: socket.socket) -> None:
    """Block new connections, in this process and every other that shares the listener.

    Existing connections stay. New ones are not refused until the listener is closed. Only Linux
    supports this; elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(_DROP_SYN)
    description = struct.pack("HL", len(_DROP_SYN) // 8, ctypes.addressof(program))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, description)
    except OSError:
        # A kernel without filters: a connection or two may not get accepted.
        return


class LingeringProtocol(HttpToolsProtocol):
    """uvicorn's connection, whose client may send one more request at the end."""

    def shutdown(self) -> None:
        """Close the connection when its request is done, or when none arrives."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self.loop.call_later(LINGER, super().shutdown)
        else:
            super().shutdown()


class Server(uvicorn.Server):
    """uvicorn's server, which closes its listener when no connection is waiting to be accepted."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Shut down, and let requests in progress finish."""
        for listener in sockets or []:
            turn_away(listener)
        await asyncio.sleep(SETTLE)
        await super().shutdown(sockets)
