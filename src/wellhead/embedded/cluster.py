"""Creates and launches the server in a directory: initdb, configuration, pg_ctl."""

import secrets
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from wellhead.embedded import watch
from wellhead.embedded.binaries import Binaries
from wellhead.embedded.home import Home, State
from wellhead.embedded.ports import ADDRESS
from wellhead.errors import EmbeddedError, EmbeddedVersionError

_START_SECONDS = 120
_PAUSE_SECONDS = 0.1
_LOG_LINES = 15
_LOG_BYTES = 4_000_000
_SETTINGS = "wellhead.conf"

_BASE = {
    "unix_socket_directories": "",
    "listen_addresses": ADDRESS,
    "shared_buffers": "32MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_line_prefix": "%m [%p] ",
}
_FOR_SPEED = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# PostgreSQL 17 introduced a built-in locale that is the same on every machine.
_BUILTIN_LOCALE = 17

# Larger than any process ID, so no process has it.
_NOBODY = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Cluster:
    """The files of one server, and the programs that create and launch it.

    Attributes:
        durable: Whether a commit is on disk before it is confirmed.
        options: Further settings of ``postgresql.conf``.
    """

    home: Home
    binaries: Binaries
    durable: bool
    options: Mapping[str, str]

    def create(self, state: State) -> None:
        """Create the data directory if there is none.

        It is created under another name and renamed when it is complete, so that an interruption
        leaves nothing that looks like a server.
        """
        if self.home.data.exists():
            return
        for leftover in self.home.path.glob(f"{watch.DATA}.*.partial"):
            shutil.rmtree(leftover, ignore_errors=True)
        partial = self.home.path / f"{watch.DATA}.{secrets.token_hex(4)}.partial"
        password_file = self.home.path / "initdb-password"
        self.home.account.write(password_file, state.password)
        try:
            answer = self.home.account.run(
                self.binaries.bin_dir / "initdb",
                *("--pgdata", partial),
                *("--username", state.user),
                *("--pwfile", password_file),
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                *self._locale(),
                *([] if self.durable else ["--no-sync"]),
                environment=self.binaries.environment,
            )
        finally:
            password_file.unlink()
        if answer.returncode != 0:
            shutil.rmtree(partial, ignore_errors=True)
            raise EmbeddedError(f"initdb failed in {self.home.path}:\n{_last_lines(answer.stdout)}")
        with (partial / "postgresql.conf").open("a") as file:
            file.write(f"\ninclude '{_SETTINGS}'  # rewritten at every start\n")
        partial.rename(self.home.data)

    def refuse_other_version(self) -> None:
        """Check that these programs can run on this data.

        Raises:
            EmbeddedVersionError: The data is another major version's; nothing was touched.
        """
        major = self.home.major
        if major not in {None, self.binaries.major}:
            raise EmbeddedVersionError(
                f"{self.home.path} contains data of PostgreSQL {major}, but the programs in"
                f" {self.binaries.bin_dir} are {self.binaries.version}. Nothing was touched.",
                hint=f"Pass bin_dir= of a PostgreSQL {major}, dump the data with it and load it"
                " into a new directory, or remove the directory if the data is not needed.",
            )

    def launch(self, port: int) -> bool:
        """Start the server and wait until it accepts connections.

        Returns:
            False if another process took the port in the meantime.

        Raises:
            EmbeddedError: It did not start; the message ends with the last lines of its log.
        """
        self._write_settings(port)
        self._disown_stale_pid()
        deadline = time.monotonic() + _START_SECONDS
        while (log := self._try_to_start()) is not None:
            if "could not bind" in log:
                return False
            # After a crash, the last processes of the old server need a moment to exit.
            if "is still in use" not in log or time.monotonic() > deadline:
                raise EmbeddedError(
                    f"PostgreSQL did not start. The last lines of {self.home.log_file}:"
                    f"\n{_last_lines(log)}"
                )
            time.sleep(_PAUSE_SECONDS)
        return True

    def _try_to_start(self) -> str | None:
        """None if the server is running, else its message."""
        written = self._prepare_log()
        answer = self.home.account.run(
            self.binaries.bin_dir / "pg_ctl",
            "start",
            *("--pgdata", self.home.data),
            *("--log", self.home.log_file),
            *("--wait", "--timeout", str(_START_SECONDS)),
            environment=self.binaries.environment,
        )
        if answer.returncode == 0:
            return None
        return self.home.log_file.read_bytes()[written:].decode(errors="replace") or answer.stdout

    def _locale(self) -> list[str]:
        """The same collation and character classes on every machine: code points and Unicode."""
        if self.binaries.major >= _BUILTIN_LOCALE:
            return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if sys.platform == "darwin":
            return ["--locale=C", "--lc-ctype=UTF-8"]
        return ["--locale=C.UTF-8"]

    def _write_settings(self, port: int) -> None:
        settings = {**_BASE, **({} if self.durable else _FOR_SPEED), **self.options}
        settings["port"] = str(port)
        lines = (f"{name} = {_quote(value)}\n" for name, value in settings.items())
        self.home.account.write(self.home.data / _SETTINGS, "".join(lines))

    def _disown_stale_pid(self) -> None:
        """Replace the process ID of a dead server if another process has it now.

        PostgreSQL takes any live process with that ID for its former self. The rest of the file
        stays: it tells PostgreSQL whether processes of the old server are still alive.
        """
        file = self.home.data / "postmaster.pid"
        if not file.exists():
            return
        _, _, rest = file.read_text(errors="replace").partition("\n")
        if rest:
            self.home.account.write(file, f"{_NOBODY}\n{rest}")
        else:
            file.unlink()

    def _prepare_log(self) -> int:
        """Make sure that the account can write the log; returns its size in bytes."""
        file = self.home.log_file
        if file.exists() and file.stat().st_size > _LOG_BYTES:
            file.replace(file.with_suffix(".log.1"))
        if not file.exists():
            self.home.account.write(file, "")
        return file.stat().st_size


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_LOG_LINES:])


def _quote(value: str) -> str:
    doubled = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"
