"""What a process is called in ``pg_stat_activity``, where it is not told its name."""

import re
import socket
import sys
from pathlib import PurePath
from typing import Final

LONGEST: Final = 63
"""Bytes that PostgreSQL keeps of a name (NAMEDATALEN - 1)."""

# They run whatever application their command line names.
_SERVERS: Final = frozenset({"daphne", "fastapi", "granian", "gunicorn", "hypercorn", "uvicorn"})
_NAMELESS: Final = frozenset({"", "-", "-c", "-m"})
_APPLICATION: Final = re.compile(r"([A-Za-z_][\w.]*):[A-Za-z_][\w.]*(?:\(\))?")


def program(*, is_pooled: bool) -> str:
    """The program and the machine, such as ``shop.main@web-1``; at most 63 bytes.

    Of a server that runs the application of its command line, the application is the program.

    Args:
        is_pooled: Whether a transaction pooler is in between. For each client with another name it
            sets the name of the server's connection first, so there the machine is left out.
            https://www.pgbouncer.org/config.html#track_extra_parameters
    """
    path = PurePath(sys.argv[0] if sys.argv else "")
    # ``python -m uvicorn`` runs uvicorn/__main__.py.
    name = path.parent.name if path.stem == "__main__" else path.stem
    if name in _SERVERS:
        applications = filter(None, map(_APPLICATION.fullmatch, sys.argv[1:]))
        name = next((match[1] for match in applications), name)
    # Python by itself has no program's name there, but its own switch.
    name = "python" if name in _NAMELESS else name
    return fit(name if is_pooled else f"{name}@{socket.gethostname()}")


def fit(name: str) -> str:
    """The name, cut after the last whole character that PostgreSQL keeps."""
    return name.encode(errors="replace")[:LONGEST].decode(errors="ignore")
