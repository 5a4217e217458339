"""The file of a backup: COPY's text of each table, then what it is, then a digest of it all.

::

    wellhead-todo backup 1
    (the rows of each table, one after the other, as COPY writes them)
    {"revision": "0003", "tables": [{"name": "users", "rows": 2, "size": 340, ...}], ...}
    0000000000000471 1f0c...  (the length of the line above, and SHA-256 of everything above)

What it is comes last because it is known last: nothing has to be held in memory or read again.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from todo.backup.errors import BackupError

KIND = b"wellhead-todo backup "
FIRST_LINE = KIND + b"1\n"
"""What a file of this format begins with; the number is the format's."""

BLOCK = 256 * 1024
"""How many bytes are read at a time."""

_LAST_LINE = re.compile(rb"(\d{16}) ([0-9a-f]{64})\n")
_LAST_SIZE = 16 + 1 + 64 + 1
_LONGEST_MANIFEST = 1024 * 1024


class TableRows(BaseModel):
    """The rows of one table in the file; `size` is in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    rows: Annotated[int, Field(ge=0)]
    size: Annotated[int, Field(ge=0)]


class Manifest(BaseModel):
    """What the file is.

    Attributes:
        revision: The migration that the schema was at.
        created_at: When the snapshot was made.
        app_version: The version of the program that wrote it.
        server_version: The version of the PostgreSQL that the rows come from.
        tables: In an order in which they can be loaded.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    revision: str
    created_at: datetime
    app_version: str
    server_version: str
    tables: tuple[TableRows, ...]

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return sum(table.rows for table in self.tables)


class ArchiveWriter:
    """Writes an archive, front to back.

    Args:
        file: Where to; open for writing.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0
        self.write(FIRST_LINE)

    def write(self, block: bytes) -> None:
        """Write rows, as COPY returns them.

        Raises:
            BackupError: The file takes no more.
        """
        with _writing():
            self._file.write(block)
        self._digest.update(block)
        self.size += len(block)

    def finish(self, manifest: Manifest) -> None:
        """Write what it is; without that it cannot be read."""
        line = manifest.model_dump_json().encode() + b"\n"
        self.write(line)
        with _writing():
            self._file.write(b"%016d %s\n" % (len(line), self._digest.hexdigest().encode()))


class Archive:
    """An archive whose every byte was checked.

    Args:
        file: The open file.
        manifest: What it is.
    """

    def __init__(self, file: BinaryIO, manifest: Manifest) -> None:
        self._file = file
        self.manifest = manifest

    def blocks(self) -> Iterator[tuple[TableRows, Iterator[bytes]]]:
        """Each table with its rows, which must be read to the end before the next table's."""
        self._file.seek(len(FIRST_LINE))
        for table in self.manifest.tables:
            yield table, _read(self._file, table.size)


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive, and read it once to check it; nothing is held in memory.

    Raises:
        BackupError: It is not a whole and unchanged archive of this version.
    """
    try:
        with path.open("rb") as file:
            yield Archive(file, _checked(file, path))
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}.") from error


def _checked(file: BinaryIO, path: Path) -> Manifest:
    first = file.read(len(FIRST_LINE))
    if first != FIRST_LINE:
        if first.startswith(KIND):
            raise BackupError(f"{path} was written by a newer version of this program; use that.")
        raise BackupError(f"{path} is not a backup of the Todo API.")
    end = file.seek(0, os.SEEK_END)
    file.seek(max(end - _LAST_SIZE, 0))
    last = _LAST_LINE.fullmatch(file.read())
    if last is None:
        raise BackupError(f"{path} is not complete; it was cut short. Use another backup.")
    size, digest = int(last[1]), hashlib.sha256()
    start = end - _LAST_SIZE - size
    file.seek(0)
    for block in _read(file, end - _LAST_SIZE):
        digest.update(block)
    is_whole = digest.hexdigest() == last[2].decode() and len(FIRST_LINE) <= start
    if is_whole and size <= _LONGEST_MANIFEST:
        file.seek(start)
        with suppress(ValidationError):
            manifest = Manifest.model_validate_json(file.read(size))
            if len(FIRST_LINE) + sum(table.size for table in manifest.tables) == start:
                return manifest
    raise BackupError(f"{path} was changed or damaged. Use another backup.")


def _read(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size and (block := file.read(min(size, BLOCK))):
        yield block
        size -= len(block)


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupError(f"No backup was written: {error.strerror}.") from error


@contextmanager
def new_file(path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """A file for its owner only, which gets its name when it is complete and on disk.

    Args:
        path: Its name.
        overwrite: Whether a file of that name is replaced; otherwise it stays.

    Raises:
        BackupError: There is such a file, or it cannot be written.
    """
    if not overwrite and os.path.lexists(path):
        raise BackupError(f"{path} exists; name another file, or add --overwrite.")
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    with _writing():
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        file = os.fdopen(descriptor, "wb", buffering=BLOCK)
        try:
            yield file
            with _writing():
                file.flush()
                os.fsync(descriptor)
        finally:
            # If it fails, that has been told.
            with suppress(OSError):
                file.close()
        with _writing():
            if overwrite:
                draft.replace(path)
            else:
                _name(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _name(draft: Path, path: Path) -> None:
    try:
        # A hard link never replaces: a file that was made meanwhile stays.
        path.hardlink_to(draft)
    except FileExistsError:
        raise BackupError(f"{path} exists by now; name another file.") from None
    except OSError:
        # Some file systems have no hard links.
        if os.path.lexists(path):
            raise BackupError(f"{path} exists by now; name another file.") from None
        draft.replace(path)
