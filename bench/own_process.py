"""A benchmark that serves in a process of its own."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

_ROOT = Path(__file__).parents[1]


@asynccontextmanager
async def served(
    module: str, *arguments: str, log: IO[bytes] | int | None = None
) -> AsyncIterator[int]:
    """Start a module with ``--serve``, and end it; yields the port on which it serves.

    Until it is up, connections wait.

    Args:
        module: Its name.
        arguments: What it is told after ``--serve``; the last one is the listener's descriptor.
        log: Where it writes; None leaves that to the terminal.
    """
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        port = listener.getsockname()[1]
        told = [*arguments, str(listener.fileno())]
        process = subprocess.Popen(  # noqa: ASYNC220 - it goes on by itself
            [sys.executable, "-m", module, "--serve", *told],
            # Where it finds the other modules of this folder.
            cwd=_ROOT,
            pass_fds=[listener.fileno()],
            stderr=log,
        )
    try:
        yield port
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)
