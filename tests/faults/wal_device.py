"""A small device of its own for the write-ahead log, which can be filled to the last byte."""

import errno
import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

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


def may_mount() -> bool:
    """Whether this process may mount a file system; containers and ordinary users may not."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    trial = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0
