"""The address that `todo serve` listens on, bound before anything else is started."""

import errno
import os
import socket


class AddressError(Exception):
    """The address to listen on is not available."""


def listen(host: str, port: int) -> socket.socket:
    """Bind the address before anything else is started; port 0 takes any free one.

    Raises:
        AddressError: It is taken, not an address of this machine, or not permitted.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # asyncio disables Nagle's algorithm only if the protocol is given; with it, responses on
        # keep-alive connections wait 40 ms. (uvloop always disables it.)
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise AddressError(f"Cannot listen on {host}: {error.strerror}.") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # From here on clients wait instead of being refused, until the workers are up.
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise AddressError(
            f"Cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}. "
            f"{_advice(error)}"
        ) from error
    listener.set_inheritable(True)
    return listener


def _advice(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "Stop the program that uses it, or choose another one with --port (or PORT)."
    if error.errno == errno.EACCES:
        return (
            "Ports below 1024 are for root. Choose --port 8000 (or PORT), and let a proxy in "
            "front, or Docker's --publish 80:8000, use the other one."
        )
    return "Choose an address of this machine with --host (or HOST), and a port that you may use."
