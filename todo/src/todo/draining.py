"""The end of a server, without cutting anybody off.

When a listener is closed, the kernel resets the connections that nobody has accepted yet; when a
kept connection is closed, a request may be on its way on it. So first nobody can connect any more,
then what is connected already gets a moment to say what it wants, and only then is closed.
"""

import asyncio
import ctypes
import socket
import struct
import sys

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

SETTLE = 0.1
"""Seconds between the last new connection and the closing of the listener."""

LINGER = 0.5
"""Seconds that an idle connection stays open for a request that is on its way."""

# For every packet: load the flags of the TCP header; SYN: drop it; else: take it.
# https://docs.kernel.org/networking/filter.html
_DROP_SYN = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFF))
)
_SO_ATTACH_FILTER = 26


def turn_away(listener: socket.socket) -> None:
    """Let nobody connect any more, in this process and every other that shares the listener.

    Those who are connected stay. Who tries is not refused before the listener is closed. Only
    Linux can do that; elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(_DROP_SYN)
    description = struct.pack("HL", len(_DROP_SYN) // 8, ctypes.addressof(program))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, description)
    except OSError:
        # A kernel without filters. What is lost is a connection or two that nobody accepts.
        return


class LingeringProtocol(HttpToolsProtocol):
    """uvicorn's connection, whose client gets the chance to send one more request at the end."""

    def shutdown(self) -> None:
        """End the connection when its request is answered, or when none comes."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self.loop.call_later(LINGER, super().shutdown)
        else:
            super().shutdown()


class Server(uvicorn.Server):
    """uvicorn's server, which closes its listener when nobody is about to be accepted."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End it, and let requests in flight finish."""
        for listener in sockets or []:
            turn_away(listener)
        await asyncio.sleep(SETTLE)
        await super().shutdown(sockets)
