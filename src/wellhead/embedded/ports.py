"""TCP ports of 127.0.0.1, and which are free."""

import random
import socket

ADDRESS = "127.0.0.1"
"""The only address that the embedded server listens on."""

_LOWEST, _HIGHEST = 20_000, 32_000
_ATTEMPTS = 100


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


def quiet_port() -> int:
    """A free port that no outgoing connection gets by itself.

    The system takes the near ends of connections from a range further up. A client that tries to
    reach a dead server in that range is, once in some thousand tries, connected to itself, and the
    server finds its port taken when it comes back. One that another program keeps without listening
    is not free.
    """
    # Two programs on one machine should not look at the same ports in the same order.
    order = random.Random(free_port())  # noqa: S311 - no secret is made of it
    candidates = order.sample(range(_LOWEST, _HIGHEST), _ATTEMPTS)
    return next(port for port in candidates if _is_unused(port))


def _is_unused(port: int) -> bool:
    # Without SO_REUSEADDR, which `socket.create_server` sets, a bound socket is in the way, too.
    with socket.socket() as unbound:
        try:
            unbound.bind((ADDRESS, port))
        except OSError:
            return False
    return True
