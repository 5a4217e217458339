"""Stops a server once its last owner is gone, however that owner ended.

Each owner of a server holds a shared lock on one file for as long as it lives, and the kernel
releases that lock when the process ends, even by ``kill -9``. The watcher is a small process in its
own session that waits for the lock to be free and then shuts the server down.

This file runs as a script, without site-packages, and imports only the standard library: the
watcher lives as long as the server and must stay small. The rest of the package takes its lock and
process functions from here.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

START_LOCK = "start.lock"
"""Held exclusively while a process starts or stops the server."""
OWNERS_LOCK = "owners.lock"
"""Held shared by every owner of the server."""
WATCH_LOCK = "watch.lock"
"""Held exclusively by the watcher for its whole life."""
DATA = "pgdata"
"""What PostgreSQL itself calls its data directory."""

# A launch that lost its owner halfway may bring the server up a moment after the first look.
_LOOKS = 2
_SECOND_LOOK_SECONDS = 2.0
_FAST_STOP_SECONDS = 60.0
_IMMEDIATE_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02


class Postmaster(NamedTuple):
    """A running server, as its ``postmaster.pid`` describes it."""

    pid: int
    port: int | None
    status: str


def open_lock(path: Path) -> int:
    """Open a lock file, created if it is missing; no child process inherits it."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int, operation: int) -> bool:
    """Take a flock without waiting; False if another process holds it."""
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def find_postmaster(data: Path) -> Postmaster | None:
    """The server that runs on a data directory, or None.

    The process must have this directory on its command line: after a crash, the process ID in
    ``postmaster.pid`` may belong to another program.
    """
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        pid = int(lines[0])
    except (OSError, ValueError, IndexError):
        return None
    if not serves(pid, data):
        return None
    port, status = (lines + [""] * 8)[3], (lines + [""] * 8)[7]
    return Postmaster(pid, int(port) if port.isdecimal() else None, status.strip() or "starting")


def serves(pid: int, data: Path) -> bool:
    """Whether this process is a server of this directory."""
    if pid <= 0:
        return False
    if Path("/proc/self/cmdline").exists():
        try:
            return os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
    listing = subprocess.run(  # noqa: S603 - a fixed program with a number
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False
    )
    return os.fsencode(data) in listing.stdout


def stop_postmaster(data: Path) -> None:
    """Shut the server down and wait until it has ended; does nothing if none is running.

    It is asked to end its sessions and write everything to disk. After 60 seconds it is told to
    stop immediately; the next start then replays its log.
    """
    for number, seconds in (
        (signal.SIGINT, _FAST_STOP_SECONDS),
        (signal.SIGQUIT, _IMMEDIATE_STOP_SECONDS),
    ):
        server = find_postmaster(data)
        if server is None:
            return
        try:
            os.kill(server.pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while serves(server.pid, data) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


def watch(home: Path, watch_lock: int) -> None:
    """Wait until the server has had no owner twice in a row, two seconds apart, and is down."""
    start, owners = open_lock(home / START_LOCK), open_lock(home / OWNERS_LOCK)
    looks = 0
    while looks < _LOOKS:
        if looks:
            time.sleep(_SECOND_LOOK_SECONDS)
        # Do not wait while holding START_LOCK: owners take it first.
        fcntl.flock(owners, fcntl.LOCK_EX)
        fcntl.flock(owners, fcntl.LOCK_UN)
        fcntl.flock(start, fcntl.LOCK_EX)
        looks = looks + 1 if try_lock(owners, fcntl.LOCK_EX) else 0
        if looks:
            stop_postmaster(home / DATA)
            fcntl.flock(owners, fcntl.LOCK_UN)
        if looks == _LOOKS:
            # Before START_LOCK is free: the next owner must see that it needs a new watcher.
            os.close(watch_lock)
        fcntl.flock(start, fcntl.LOCK_UN)


def main(arguments: list[str]) -> None:
    """Detach from the calling process, then watch.

    Args:
        arguments: The directory, and the number of the inherited descriptor of its watch lock.
    """
    if os.fork():
        os._exit(0)
    os.chdir("/")
    watch(Path(arguments[0]), int(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
