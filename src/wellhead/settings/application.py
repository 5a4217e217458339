"""The default name of a process in ``pg_stat_activity``."""

import re
import socket
import sys
from pathlib import PurePath
from typing import Final

LONGEST: Final = 63
"""How many bytes of a name PostgreSQL keeps (NAMEDATALEN - 1)."""

# Programs that run the application named on their command line.
_SERVERS: Final = frozenset({"daphne", "fastapi", "granian", "gunicorn", "hypercorn", "uvicorn"})
_NAMELESS: Final = frozenset({"", "-", "-c", "-m"})
_APPLICATION: Final = re.compile(r"([A-Za-z_][\w.]*):[A-Za-z_][\w.]*(?:\(\))?")


def program(*, is_pooled: bool) -> str:
    """The program and the machine, such as ``shop.main@web-1``; at most 63 bytes.

    For a server that runs the application on its command line, the application is the program.

    Args:
        is_pooled: Whether a transaction pooler is in between. It renames its server connection
            for each client with another name, so the machine is left out there.
            https://www.pgbouncer.org/config.html#track_extra_parameters
    """
    path = PurePath(sys.argv[0] if sys.argv else "")
    # ``python -m uvicorn`` runs uvicorn/__main__.py.
    name = path.parent.name if path.stem == "__main__" else path.stem
    if name in _SERVERS:
        applications = filter(None, map(_APPLICATION.fullmatch, sys.argv[1:]))
        name = next((match[1] for match in applications), name)
    # A Python without a script has no program name there, but its own switch.
    name = "python" if name in _NAMELESS else name
    return fit(name if is_pooled else f"{name}@{socket.gethostname()}")


def fit(name: str) -> str:
    """The name, cut after the last whole character that PostgreSQL keeps."""
    return name.encode(errors="replace")[:LONGEST].decode(errors="ignore")
