"""TCP ports of 127.0.0.1: which are free, and who holds one that is not."""

import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

ADDRESS = "127.0.0.1"
"""The only address that the embedded server listens on."""

_LISTEN = "0A"
_SHOWN = 120


def free_port() -> int:
    """A port that is free now; the system chooses it."""
    with socket.create_server((ADDRESS, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    try:
        socket.create_server((ADDRESS, port)).close()
    except OSError:
        return False
    return True


def holder(port: int) -> str | None:
    """The process that listens on the port, as ``pid 123 (command line)``, where we may see it."""
    if Path("/proc/net/tcp").exists():
        return _holder_from_proc(port)
    lsof = shutil.which("lsof")
    if lsof is None:
        return None
    pids = subprocess.run(  # noqa: S603 - a fixed program with a number
        [lsof, "-nP", "-t", f"-iTCP:{port}", "-sTCP:LISTEN"], capture_output=True, check=False
    ).stdout.split()
    return f"pid {pids[0].decode()}" if pids else None


def _holder_from_proc(port: int) -> str | None:
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        # A process may be a stranger's, or gone by now.
        with suppress(OSError):
            if any(str(link.readlink()) in sockets for link in (process / "fd").iterdir()):
                command = (process / "cmdline").read_bytes().decode(errors="replace")
                return f"pid {process.name} ({command.replace(chr(0), ' ').strip()[:_SHOWN]})"
    return None


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not Path(table).exists():
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes
