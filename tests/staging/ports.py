"""Ports of 127.0.0.1 for servers that start later, and may be down in between."""

import socket
import sys

from wellhead.embedded.ports import ADDRESS, quiet_port

_RESERVED: list[socket.socket] = []


def reserve_port() -> int:
    """A free port that no other caller gets while this process runs, also in other processes.

    A server can listen there at any time, as often as it likes. On macOS nothing is reserved: there
    no second socket can have the port.
    """
    while True:
        port = quiet_port()
        if sys.platform != "linux":
            return port
        holder = socket.socket()
        try:
            holder.bind((ADDRESS, port))
        except OSError:
            # Another process was quicker.
            holder.close()
            continue
        # Linux lets servers share a port with a socket that does not listen, if both have this.
        # Set before, it would let two holders share the port as well.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _RESERVED.append(holder)
        return port
