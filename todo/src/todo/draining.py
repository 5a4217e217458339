"""Shutting down a server without resetting connections.

When a listener is closed, the kernel resets connections that were not accepted yet; when a
keep-alive connection is closed, a request may be on its way. So new connections are blocked first,
then existing ones get a moment to send a request, and only then they are closed.

The block belongs to the listener, which several processes may share. So only a process that ends
for good blocks, never one from which another takes over.
"""

import asyncio
import ctypes
import logging
import socket
import struct
import sys
import time

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.supervisors.multiprocess import Multiprocess, Process

logger = logging.getLogger(__name__)

SETTLE = 0.1
"""Seconds between blocking new connections and closing the listener."""

EARLIER = 0.5
"""Seconds before several workers stop at which new connections are blocked."""

AGAIN = 0.2
"""Seconds between two signals to a worker, so that it receives both."""

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


class Workers(Multiprocess):
    """uvicorn's workers, whose listener blocks new connections before the first of them stops.

    Each of them, and this process, holds the listener: a connection that is made after the last
    one has stopped accepting would be reset when this process closes it.

    Attributes:
        drain_seconds: How long a worker waits after its first SIGTERM before it stops.
    """

    drain_seconds = 0.0
    is_interrupted = False

    def handle_int(self) -> None:
        """Stop the workers without a wait."""
        self.is_interrupted = True
        super().handle_int()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have ended; where another one serves, also one that did not start.

        uvicorn then stops, which is right while none has served: the program cannot run. Later it
        is the database that refuses, and those that are connected go on.
        """
        was_asked_to_stop = self.should_exit.is_set()
        super().keep_subprocess_alive()
        if was_asked_to_stop or not self.should_exit.is_set():
            return
        if any(process.exitcode is None and process.is_ready() for process in self.processes):
            self.should_exit.clear()
            self._replace_failed()

    def _replace_failed(self) -> None:
        place, failed = next(
            (place, process)
            for place, process in enumerate(self.processes)
            if process.exitcode == STARTUP_FAILURE
        )
        logger.error("Others serve: the parent process stays, and replaces [%s] again.", failed.pid)
        self.processes[place] = Process(self.config, self.sockets)
        self.processes[place].start()

    def terminate_all(self) -> None:
        """Let the workers wait, block new connections, and let them stop."""
        seconds = 0.0 if self.is_interrupted else self.drain_seconds - EARLIER
        if seconds > 0:
            super().terminate_all()
            self._wait(seconds)
        for listener in self.sockets:
            turn_away(listener)
        if seconds <= 0:
            time.sleep(EARLIER)
            super().terminate_all()
        if self.is_interrupted or self.signal_queue:
            # A worker that gets a second signal does not wait.
            time.sleep(AGAIN)
            super().terminate_all()
        for listener in self.sockets:
            listener.close()

    def _wait(self, seconds: float) -> None:
        # Another signal ends it.
        end = time.monotonic() + seconds
        while not self.signal_queue and time.monotonic() < end:
            time.sleep(min(AGAIN, seconds))
