"""The operating system account that runs the server.

PostgreSQL refuses to run as root, so a root process uses an unprivileged account for it.
"""

import os
import pwd
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellhead.errors import EmbeddedError

SHARED_ROOT = Path("/var/lib/wellhead")
"""Where a root process keeps files that the server's account must reach."""

_UNPRIVILEGED = ("postgres", "nobody")
# The server needs none of our other variables, and must not see the secrets among them.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "TZ")


@dataclass(frozen=True, slots=True)
class Account:
    """An operating system account, and how to run programs as it."""

    name: str
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """Whether this process already runs as the account."""
        return self.uid == os.geteuid()

    def run(
        self,
        program: Path | str,
        *arguments: Path | str,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as the account, in its own session, and wait for it to end.

        Its output is returned, including errors. Its working directory is the root directory,
        because the account may not have access to ours.
        """
        identity: dict[str, Any] = (
            {} if self.is_ours else {"user": self.uid, "group": self.gid, "extra_groups": []}
        )
        return subprocess.run(  # noqa: S603 - programs of PostgreSQL's own directory
            [program, *arguments],
            env={**plain_environment(), **(environment or {})},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            check=False,
            **identity,
        )

    def can_enter(self, directory: Path) -> bool:
        """Whether the account can enter a directory; asks the kernel, so that ACLs count."""
        return self.is_ours or (
            self.run("/bin/sh", "-c", 'cd -- "$1"', "sh", directory).returncode == 0
        )

    def give(self, path: Path, *, mode: int) -> None:
        """Make the account the owner of a file or directory, with the given mode."""
        # By file descriptor: the account could replace its file with a link, and root would give
        # away the target.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not self.is_ours:
                os.fchown(descriptor, self.uid, self.gid)
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)

    def write(self, file: Path, text: str) -> None:
        """Write a file that only the account can read; a crash leaves the old or the new one."""
        partial = file.with_name(f"{file.name}.{secrets.token_hex(4)}.partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        self.give(partial, mode=0o600)
        partial.replace(file)


def plain_environment() -> dict[str, str]:
    """The few environment variables that the server and its programs get."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**passed_on, "LC_ALL": "C"}


def shared_directory(*names: str) -> Path:
    """A directory below `SHARED_ROOT`, owned by root, that every account can enter."""
    path = SHARED_ROOT.joinpath(*names)
    for directory in reversed([path, *path.parents]):
        if not directory.exists():
            directory.mkdir(exist_ok=True)
            directory.chmod(0o755)
    return path


def server_account(home: Path | None = None) -> Account:
    """The account that runs a server: ours, or an unprivileged one for root.

    For root it is the owner of `home` if a server exists there, else ``postgres`` if the machine
    has that account, else ``nobody``.

    Raises:
        EmbeddedError: The account has no name, or root finds neither of the two.
    """
    if os.geteuid() != 0:
        return _by_uid(os.geteuid())
    if home is not None and (owner := home.stat().st_uid) != 0:
        return _by_uid(owner)
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL refuses to run as root, and there is no account postgres or nobody.",
        hint="Run as a normal user, or set DATABASE_URL to your own server.",
    )


def _by_uid(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as error:
        raise EmbeddedError(
            f"PostgreSQL refuses to run as uid {uid}, which has no account name on this machine.",
            hint="Add an account with that uid, or set DATABASE_URL to your own server.",
        ) from error
    return Account(entry.pw_name, uid, entry.pw_gid)
