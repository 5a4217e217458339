"""Free ports for servers."""

import random
import socket

_LOWEST, _HIGHEST = 20_000, 32_000
_ATTEMPTS = 100


def quiet_port() -> int:
    """A free port that no outgoing connection gets by itself.

    The system takes the near ends of connections from a range further up. Whoever tries to reach
    a dead server whose port lies in there may, once in some thousand tries, be connected to
    itself; and the server finds its port taken when it comes back.
    """
    candidates = random.Random(_seed()).sample(  # noqa: S311 - no secret is made of it
        range(_LOWEST, _HIGHEST), _ATTEMPTS
    )
    return next(port for port in candidates if _is_free(port))


def _seed() -> int:
    # Two suites on one machine should not look at the same ports in the same order.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
