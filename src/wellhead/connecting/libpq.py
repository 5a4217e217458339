"""Connect with psycopg so that libpq includes the SQLSTATE of a refusal in its text.

While it connects, libpq keeps only the text of a server's error, which is in the server's
language. At its verbose setting the code is part of that text. psycopg does not expose the setting;
without it, or if libpq cannot be found, texts are recognised by their English words.

https://www.postgresql.org/docs/current/libpq-control.html#LIBPQ-PQSETERRORVERBOSITY
"""

import ctypes
import sys
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg import pq
from psycopg.waiting import Wait

_DEFAULT, _VERBOSE = 1, 2


def connect(conninfo: str) -> Generator[Any, Any, pq.abc.PGconn]:
    """Connect, as psycopg's own generator does.

    Raises:
        psycopg.OperationalError: It failed; the text is libpq's, with the server's code.
    """
    connection = pq.PGconn.connect_start(conninfo.encode())
    _set_verbosity(connection, _VERBOSE)
    # libpq has to be called again each time the socket is ready:
    # https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PQCONNECTSTARTPARAMS
    status = pq.PollingStatus.WRITING
    while status is not pq.PollingStatus.OK:
        if connection.status == pq.ConnStatus.BAD:
            status = pq.PollingStatus.FAILED
        else:
            status = pq.PollingStatus(connection.connect_poll())
        if status is pq.PollingStatus.FAILED:
            text = connection.get_error_message()
            connection.finish()
            raise psycopg.OperationalError(f"connection failed: {text}")
        if status is not pq.PollingStatus.OK:
            wanted = Wait.R if status is pq.PollingStatus.READING else Wait.W
            while not (yield connection.socket, wanted):
                pass
    _set_verbosity(connection, _DEFAULT)
    connection.nonblocking = 1
    return connection


def _set_verbosity(connection: Any, verbosity: int) -> None:
    if _SET_VERBOSITY is not None and connection.pgconn_ptr is not None:
        _SET_VERBOSITY(connection.pgconn_ptr, verbosity)


def _find() -> Any:
    try:
        if pq.__impl__ == "python":
            library = sys.modules["psycopg.pq._pq_ctypes"].pq
        else:
            # The compiled module is linked with the libpq that it uses, and leads to it.
            library = ctypes.CDLL(sys.modules[pq.PGconn.__module__].__file__)
        function = library.PQsetErrorVerbosity
    except (AttributeError, OSError):
        return None
    function.argtypes = [ctypes.c_void_p, ctypes.c_int]
    return function


_SET_VERBOSITY = _find()
