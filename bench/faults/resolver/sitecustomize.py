"""Staged name resolution; Python loads this by itself where the folder is on its path.

Names below ``.wellhead.test`` are looked up in the file that ``STAGED_HOSTS`` names, one
``address name`` a line, at each look-up; one that is missing there does not resolve.
"""

import os
import socket
import sys
from pathlib import Path
from typing import Any

_SUFFIX = ".wellhead.test"

# uvloop would ask the C library. Without it uvicorn takes asyncio's own loop.
sys.modules["uvloop"] = None  # type: ignore[assignment] # how Python marks what must not load

_real = socket.getaddrinfo


def _staged(host: Any, *args: Any, **kwargs: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    if not isinstance(name, str) or not name.endswith(_SUFFIX):
        return _real(host, *args, **kwargs)
    for line in Path(os.environ["STAGED_HOSTS"]).read_text().splitlines():
        address, _, found = line.partition(" ")
        if found == name:
            return _real(address, *args, **kwargs)
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


socket.getaddrinfo = _staged
