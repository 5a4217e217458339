"""Neon's host names lead to this machine, and so do those of nowhere at all.

Python loads this by itself where it finds the folder.

Put the folder on ``PYTHONPATH`` of a program that a test starts, or call `stage` in the test.
"""

import socket
import sys
from typing import Any

_SUFFIXES = (".neon.tech", ".example")
_HERE = "127.0.0.1"

_look_up = socket.getaddrinfo


def stage(host: Any, *args: Any, **kwargs: Any) -> Any:
    """What ``socket.getaddrinfo`` says, with the staged hosts at home here."""
    name = host.decode() if isinstance(host, bytes) else host
    is_staged = isinstance(name, str) and name.lower().endswith(_SUFFIXES)
    return _look_up(_HERE if is_staged else host, *args, **kwargs)


if __name__ == "sitecustomize":
    socket.getaddrinfo = stage
    # uvloop looks names up past Python. Without it uvicorn takes asyncio's own event loop.
    sys.modules["uvloop"] = None  # type: ignore[assignment] # how Python marks what must not load
