"""The directories in which a user has data: none is made unnoticed next to another.

`DATA_DIR` is relative to the working directory by default, so a command that is called elsewhere
has another database, which is empty. Nothing can tell whether that is meant; so it is said.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from wellhead import EmbeddedVersionError

logger = logging.getLogger(__name__)

DATABASE = "postgres"
"""The directory of the embedded PostgreSQL in `DATA_DIR`."""

FILE = "todo.backup"
"""The name of a backup in messages."""


def announce_use(data_dir: Path) -> None:
    """Log which directory is used, and warn if a database is about to be created there, empty.

    Remembers the directory for that user; see :func:`known_directories`.
    """
    known = known_directories()
    if _has_data(data_dir):
        logger.info("the data is in %s", data_dir)
    else:
        nearby = (parent / data_dir.name for parent in data_dir.parent.parents)
        others = [each for each in dict.fromkeys([*known, *nearby]) if _has_data(each)]
        if others:
            logger.warning(
                "a new, empty database is created in %s. You have data in %s: to use it, stop, "
                "and set DATA_DIR=%s",
                data_dir,
                ", ".join(map(str, others)),
                others[0],
            )
        else:
            logger.warning("a new, empty database is created in %s", data_dir)
    if known[:1] != [data_dir]:
        _remember([data_dir, *(each for each in known if each != data_dir)])


@contextmanager
def carrying_over(data_dir: Path) -> Iterator[None]:
    """Say how to carry the data over if another major version of PostgreSQL has made it.

    Raises:
        EmbeddedVersionError: It has; the message names the commands.
    """
    try:
        yield
    except EmbeddedVersionError as error:
        place = data_dir / DATABASE
        raise EmbeddedVersionError(
            str(error.args[0]),
            hint="To carry the data over, run this with the Python that was used before "
            f"(PostgreSQL 17 comes with Python 3.11, and 18 with 3.12 and newer):\n"
            f"  todo backup {FILE}\n"
            "and then, with this one:\n"
            f"  mv {quote(str(place))} {quote(f'{place}-before')}\n"
            f"  todo restore {FILE}",
        ) from None


def known_directories() -> list[Path]:
    """The directories that this user has used and that still have data, the last one first."""
    try:
        names = _memory().read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError, RuntimeError):
        return []
    return [path for path in map(Path, names) if _has_data(path)]


def _has_data(directory: Path) -> bool:
    try:
        return (directory / DATABASE).is_dir()
    except OSError:
        # It may belong to another account.
        return False


def _remember(directories: list[Path]) -> None:
    try:
        file = _memory()
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        draft.write_text("".join(f"{each}\n" for each in directories), encoding="utf-8")
        draft.replace(file)
    except (OSError, ValueError, RuntimeError) as error:
        # A home that cannot be written, or none at all: then there is no warning the next time.
        logger.debug("the directory of the data is not remembered: %s", error)


def _memory() -> Path:
    # https://specifications.freedesktop.org/basedir-spec/latest/
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state, "wellhead-todo", "data-directories")
