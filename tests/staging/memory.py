"""A place in memory for the files of servers that are not needed after the tests."""

import os
import shutil
from pathlib import Path

_SHARED = Path("/dev/shm")  # noqa: S108 - only directories with names of their own are made there
_ROOM = 4 * 1024**3


def place_in_memory() -> Path | None:
    """Linux's file system in memory, where it has room and programs may be started from it.

    PostgreSQL spends more on the files of its databases than on the tests' questions: on a disk
    the suite takes a quarter more CPU, and waits as well. A container has 64 MB of it.
    """
    try:
        may_execute = not os.statvfs(_SHARED).f_flag & os.ST_NOEXEC
        return _SHARED if may_execute and shutil.disk_usage(_SHARED).free > _ROOM else None
    except (AttributeError, OSError):
        return None  # macOS has neither the directory nor the flag.
