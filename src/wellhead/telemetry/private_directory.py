"""A directory for the processes of one parent, which no other user of the machine can enter."""

import os
import shutil
import stat
import tempfile
from pathlib import Path


def directory_for(service: str) -> Path:
    """The directory that the children of this process's parent share; it is made if necessary.

    Directories of parents that have ended are removed.

    Args:
        service: Tells services with the same parent apart.

    Raises:
        OSError: It cannot be made, or belongs to another user, or others can enter it.
    """
    root = _private(Path(tempfile.gettempdir()) / f"wellhead-{os.geteuid()}")
    parent = os.getppid()
    for each in root.iterdir():
        if not _is_of_living(each.name):
            shutil.rmtree(each, ignore_errors=True)
    return _private(root / f"{parent}-{_start_of(parent)}-{service}")


def _private(path: Path) -> Path:
    path.mkdir(mode=0o700, exist_ok=True)
    # Not stat(): another user could have put a link here.
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{path} is not a directory of this user that only he can enter")
    return path


def _is_of_living(name: str) -> bool:
    number, _, rest = name.partition("-")
    return number.isdigit() and _start_of(int(number)) == rest.partition("-")[0]


def _start_of(process: int) -> str:
    """When a process started, in the kernel's ticks: its number alone may be used again.

    Empty if there is no such process, and where there is no ``/proc``.
    """
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    # The name of the program, in parentheses, may contain anything.
    return fields.rpartition(")")[2].split()[19]
