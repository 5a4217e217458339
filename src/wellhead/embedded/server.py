"""`EmbeddedPostgres`, the object that a program holds."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import quote

from wellhead.embedded import databases, ports, watch
from wellhead.embedded.binaries import Binaries, find_binaries
from wellhead.embedded.cluster import Cluster
from wellhead.embedded.home import Home, State, prepare_home
from wellhead.embedded.ownership import Ownership
from wellhead.embedded.restarting import Restarting
from wellhead.errors import ConfigurationError, EmbeddedError

_READY_SECONDS = 120.0
_POLL_SECONDS = 0.05
_PORT_ATTEMPTS = 5
_OURS = {"data_directory", "listen_addresses", "port", "unix_socket_directories"}


@dataclass(frozen=True, slots=True)
class _Running:
    """What is known about a running server."""

    home: Home
    bin_dir: Path
    version: str
    port: int
    password: str = field(repr=False)


class EmbeddedPostgres:
    """A real PostgreSQL for development and tests, from a wheel or from the system.

    It listens only on 127.0.0.1 and requires a password, which it creates and keeps. Data is kept
    between runs. Processes that use the same directory share one server; it stops when the last of
    them has ended or called `stop`. As root it runs under the account ``postgres`` or ``nobody``.

    Args:
        data_dir: The directory for the data; created if it is missing.
        port: The TCP port. None reuses the port of the last run if it is free, and otherwise takes
            any free one.
        user: The superuser in the URL; fixed when the directory is created.
        database: The database in the URL; created if it is missing.
        bin_dir: The directory of ``initdb`` and ``postgres``. None uses the wheel's, else the
            newest on the system.
        durable: Whether a commit is on disk before it is confirmed. False makes tests faster and
            may lose all data if the machine (not the server) crashes.
        options: Further settings of ``postgresql.conf``. A server that is already running keeps
            its own.
        restart: Whether to start the server again if it dies before `stop`, on the same port. If
            that fails, its clients are refused at once, and the log says why.

    Raises:
        ConfigurationError: `options` contains a setting that has its own argument or is reserved.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        user: str = "wellhead",
        database: str = "wellhead",
        bin_dir: Path | None = None,
        durable: bool = True,
        options: Mapping[str, str] | None = None,
        restart: bool = False,
    ) -> None:
        self._options = dict(options or {})
        if refused := sorted(_OURS & self._options.keys()):
            raise ConfigurationError(f"options may not set {', '.join(refused)}.")
        self._wished = data_dir.absolute()
        self._wished_port = port
        self._user = user
        self._database = database
        self._wished_bin_dir = bin_dir
        self._durable = durable
        self._restart_wanted = restart
        self._restarting: Restarting | None = None
        self._ownership: Ownership | None = None
        self._running: _Running | None = None

    def start(self) -> None:
        """Start the server, or join the running one, and wait until it accepts connections.

        The first start in a directory takes a few seconds, later ones well under one. Calling it
        again is harmless, and restarts a server that has crashed in the meantime.

        Raises:
            EmbeddedError: The server cannot start; the message says why.
        """
        self._end_restarting()
        self._running = None
        try:
            home = prepare_home(self._wished)
            binaries = find_binaries(self._wished_bin_dir, home.account, major=home.major)
            ownership = self._ownership or Ownership(home.path, home.account)
            with ownership.exclusive():
                try:
                    ownership.take()
                    self._running = self._run(home, binaries)
                except BaseException:
                    if ownership.give_up():
                        watch.stop_postmaster(home.data)
                    raise
        except OSError as error:
            raise EmbeddedError(f"The server in {self._wished} cannot start: {error}.") from error
        self._ownership = ownership
        if self._restart_wanted:
            self._restarting = Restarting(home.path, self.port, self._restart)
            self._restarting.begin()

    def stop(self) -> None:
        """Stop the server unless other processes use it, and wait until it has ended.

        Raises:
            EmbeddedError: The directory is unusable; it may have been removed.
        """
        self._end_restarting()
        ownership, self._ownership = self._ownership, None
        running, self._running = self._running, None
        if ownership is None or running is None or not ownership.is_held:
            return
        try:
            with ownership.exclusive():
                if ownership.give_up():
                    watch.stop_postmaster(running.home.data)
        except OSError as error:
            ownership.give_up()
            raise EmbeddedError(
                f"The server in {running.home.path} could not be stopped cleanly: {error}."
            ) from error

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = f"port {self._running.port}" if self._running else "not started"
        return f"<EmbeddedPostgres in {str(self.data_dir)!r}, {state}>"

    @property
    def data_dir(self) -> Path:
        """The directory of the data.

        After the start, it differs from the wished directory if the server's account has no access
        to that one.
        """
        return self._running.home.path if self._running else self._wished

    @property
    def log_file(self) -> Path:
        """The server's own log, for instance why it did not start."""
        return self._started.home.log_file

    @property
    def bin_dir(self) -> Path:
        """The directory of PostgreSQL's programs: ``psql``, ``pg_dump`` and so on."""
        return self._started.bin_dir

    @property
    def version(self) -> str:
        """The version of the server, such as ``17.10``."""
        return self._started.version

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1."""
        return self._started.port

    @property
    def password(self) -> str:
        """The password of the user."""
        return self._started.password

    @property
    def url(self) -> str:
        """The URL of the database, password included."""
        user, database = quote(self._user, safe=""), quote(self._database, safe="")
        return f"postgresql://{user}:{self.password}@{ports.ADDRESS}:{self.port}/{database}"

    @property
    def _started(self) -> _Running:
        if self._running is None:
            raise EmbeddedError("The embedded server is not started.", hint="Call start() first.")
        return self._running

    def _run(self, home: Home, binaries: Binaries) -> _Running:
        state = home.load(self._user)
        port = self._join(home)
        if port is None:
            cluster = Cluster(home, binaries, self._durable, self._options)
            cluster.refuse_other_version()
            port = self._launch(cluster, state)
        version = databases.ensure(port, state, self._database)
        home.save_port(state, port)
        return _Running(home, binaries.bin_dir, version, port, state.password)

    def _restart(self) -> None:
        running, ownership = self._started, self._ownership
        if ownership is None or not ownership.is_held:
            return
        home, port = running.home, running.port
        with ownership.exclusive():
            joined = self._join(home)
            if joined not in {None, port}:
                raise EmbeddedError(f"Another process has started it, on port {joined}.")
            if joined is None:
                # Never create another: it would have no data, which looks like a success.
                if not home.data.is_dir():
                    raise EmbeddedError(f"{home.data} is missing.")
                binaries = Binaries(running.bin_dir, running.version)
                cluster = Cluster(home, binaries, self._durable, self._options)
                cluster.refuse_other_version()
                if not cluster.launch(port):
                    raise _taken(port)

    def _end_restarting(self) -> None:
        restarting, self._restarting = self._restarting, None
        if restarting is not None:
            restarting.end()

    def _join(self, home: Home) -> int | None:
        """The port of the running server, once it is ready; None if none is running."""
        deadline = time.monotonic() + _READY_SECONDS
        while (server := watch.find_postmaster(home.data)) is not None:
            if server.status == "ready" and server.port is not None:
                if self._wished_port not in {None, server.port}:
                    raise EmbeddedError(
                        f"The server in {home.path} is already running on port {server.port}, not"
                        f" on {self._wished_port}.",
                        hint="Stop the other process that uses it, or do not set a port.",
                    )
                return server.port
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"The server in {home.path} (pid {server.pid}) has been {server.status} for"
                    f" {_READY_SECONDS:.0f} seconds.",
                    hint=f"See {home.log_file}.",
                )
            time.sleep(_POLL_SECONDS)
        return None

    def _launch(self, cluster: Cluster, state: State) -> int:
        wished = self._wished_port
        if wished is not None and not ports.is_free(wished):
            raise _taken(wished)
        cluster.create(state)
        if wished is not None:
            if not cluster.launch(wished):
                raise _taken(wished)
            return wished
        if state.port is not None and ports.is_free(state.port) and cluster.launch(state.port):
            return state.port
        # Another program may take the port before the server binds it.
        for _ in range(_PORT_ATTEMPTS):
            if cluster.launch(port := ports.free_port()):
                return port
        raise EmbeddedError(f"{_PORT_ATTEMPTS} free ports were taken while the server started.")


def _taken(port: int) -> EmbeddedError:
    return EmbeddedError(
        f"Port {port} is taken.",
        hint=f"lsof -i :{port} names the process; stop it, set another port, or none.",
    )
