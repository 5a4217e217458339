"""A small device for the write-ahead log, which can be filled; and its nearest equal."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from wellhead.embedded.account import Account

_SIZE = "160m"
_BLOCK = b"\0" * 65536


class WalDevice:
    """A tmpfs.

    Args:
        directory: Where it is mounted; made when it is entered.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ballast = directory / "ballast"

    def __enter__(self) -> Self:
        self._directory.mkdir()
        self._mount("mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=0755", "tmpfs")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._mount("umount", "--lazy")

    def take_over(self, folder: Path) -> None:
        """Move a folder of a server that is down onto the device, and leave a link in its place."""
        there = self._directory / folder.name
        shutil.copytree(folder, there)
        owner = folder.stat()
        for path in (there, *there.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)
        shutil.rmtree(folder)
        folder.symlink_to(there)

    def fill(self) -> None:
        """Leave no space."""
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(_BLOCK)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self) -> None:
        """Give the space back."""
        self._ballast.unlink()

    def _mount(self, *command: str) -> None:
        subprocess.run([*command, self._directory], check=True, capture_output=True)


def limit_files(account: Account, processes: Iterable[int], size: str) -> None:
    """Let no file of some processes grow beyond a size in bytes, or ``unlimited``.

    Args:
        account: Whose processes they are; it may set their limits, and root may not everywhere.
        processes: Their numbers; those that have ended in the meantime are skipped.
        size: The size.
    """
    for process in processes:
        account.run("prlimit", "--pid", str(process), f"--fsize={size}:")


def may_limit_files() -> bool:
    """Whether the limits of running processes can be set, as on Linux."""
    return shutil.which("prlimit") is not None


def may_mount() -> bool:
    """Whether this process may mount a file system; containers and ordinary users may not."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    trial = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0
