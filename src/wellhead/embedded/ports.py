"""TCP ports of 127.0.0.1, and which are free."""

import socket

ADDRESS = "127.0.0.1"
"""The only address that the embedded server listens on."""


def free_port() -> int:
    """A port that is free now; the system chooses it."""
    with socket.create_server((ADDRESS, 0)) as server:
        return int(server.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    try:
        socket.create_server((ADDRESS, port)).close()
    except OSError:
        return False
    return True
