"""The state of a driver's connection: dead or alive, in a transaction or free for the next caller.

asyncpg notices by itself when the server hangs up; psycopg has to be made to look.
"""

import asyncio
import os
import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg

_IN_ERROR = 3  # psycopg's TransactionStatus.INERROR, whose package may not be installed
# Linux tells by this that the other side has sent its last; macOS tells it unasked.
_HUNG_UP = getattr(select, "POLLRDHUP", 0)


def closed_check(connection: Any) -> Callable[[], bool]:
    """A function that says, without asking the server, whether a connection is closed."""
    if isinstance(connection, asyncpg.Connection):
        return connection.is_closed
    if hasattr(connection, "pgconn"):
        return _psycopg_closed(connection)
    return _never


def _psycopg_closed(connection: Any) -> Callable[[], bool]:
    if connection.closed:
        return _always
    # Reading would be asking libpq to; whether the other side has hung up is known without that.
    line = select.poll()
    line.register(connection.fileno(), _HUNG_UP)
    return lambda: bool(connection.closed or line.poll(0))


def _always() -> bool:
    return True


def _never() -> bool:
    return False


def is_gone(connection: Any) -> bool:
    """Whether the other side is known to have hung up; sends nothing, and looks at what arrived.

    A server speaks without being asked only to say why it ends the connection.
    """
    if closed_check(connection)():
        return True
    if not hasattr(connection, "fileno"):
        return False
    twin = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=connection.fileno())
    try:
        arrived = twin.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        # The descriptor stays the connection's.
        twin.detach()
    return arrived in (b"", b"E")


def has_failed(connection: Any) -> bool:
    """Whether a statement of the open transaction failed; sends nothing.

    psycopg knows. asyncpg does not tell, so for it this is False.
    """
    if not hasattr(connection, "pgconn"):
        return False
    return bool(connection.pgconn.transaction_status == _IN_ERROR)


def terminate(connection: Any) -> None:
    """Close a connection at once, without a word to the server and without waiting."""
    if isinstance(connection, asyncpg.Connection):
        # Its loop may have ended before it.
        with suppress(RuntimeError):
            connection.terminate()
    elif hasattr(connection, "pgconn"):
        connection.pgconn.finish()


def is_known(connection: Any) -> bool:
    """Whether a connection is of a driver that this module knows."""
    return isinstance(connection, asyncpg.Connection) or hasattr(connection, "pgconn")


def is_in_transaction(connection: Any) -> bool:
    """Whether a transaction is open; sends nothing."""
    if isinstance(connection, asyncpg.Connection):
        return connection.is_in_transaction()
    return bool(connection.info.transaction_status)


async def ping(connection: Any, *, timeout: float) -> None:
    """One round trip; whatever goes wrong, the connection is useless afterwards.

    Raises:
        Exception: There was no answer in time, or the connection is broken.
    """
    if isinstance(connection, asyncpg.Connection):
        await connection.execute("SELECT 1", timeout=timeout)
    else:
        await _ping_psycopg(connection, timeout=timeout)


async def _ping_psycopg(connection: Any, *, timeout: float) -> None:
    # Cancelling would make psycopg ask the silent server to cancel, and wait 5 s for that, too.
    deadline = asyncio.get_running_loop().call_later(timeout, _hang_up, connection)
    try:
        # Without autocommit the statement would open a transaction, and cost two more trips.
        autocommit = connection.autocommit
        await connection.set_autocommit(True)
        await connection.execute("SELECT 1")
        await connection.set_autocommit(autocommit)
    finally:
        deadline.cancel()


def _hang_up(connection: Any) -> None:
    with socket.socket(fileno=os.dup(connection.fileno())) as twin:
        twin.shutdown(socket.SHUT_RDWR)
