"""Serving: one address, any number of workers, and every signal handled."""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.watchfilesreload import WatchFilesReload

from todo.draining import LingeringProtocol, Server, Workers
from todo.settings import Settings
from todo.start import load
from todo.web.logs import configure_logging
from wellhead.errors import WellheadError

if TYPE_CHECKING:
    from fastapi import FastAPI

logger = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""The signals that ask a server to stop: Ctrl-C, and the one that process supervisors send."""

GRACE_SECONDS = 10
"""How long requests in progress may take to finish after Ctrl-C."""

LOAD_SECONDS = 30
"""Seconds in which a worker must respond to its parent, also while it loads: after uvicorn's 5 s a
busy machine would kill and restart it forever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How to serve, from the command line or else the settings.

    ``drain_seconds`` is how long the workers wait after SIGTERM before they stop.
    """

    host: str
    port: int
    workers: int
    reload: bool
    drain_seconds: float = 0.0


def served_app() -> "FastAPI":
    """The application in a worker process, with logging configured; uvicorn calls this.

    Raises:
        SystemExit: It cannot be created. The code tells uvicorn not to retry forever.
    """
    try:
        settings = Settings()
        configure_logging(settings)
        # Not imported at the top: a process that only starts workers needs no application.
        app: FastAPI = load("todo.main").create_app(settings)
    except WellheadError as error:
        logger.error("The application cannot be created: %s", error)  # noqa: TRY400 - the message is enough
    except Exception:
        logger.exception("The application cannot be created")
    else:
        return app
    sys.exit(STARTUP_FAILURE)


def serve(serving: Serving, listener: socket.socket, *, announce: Callable[[], None]) -> bool:
    """Serve until Ctrl-C or SIGTERM, then let requests in progress finish; none is cut off.

    Args:
        serving: How to serve.
        listener: The listening socket; see :func:`listen`.
        announce: Called to announce that it serves, once no signal can be lost any more.

    Returns:
        Whether it ended because it was told to, rather than because the application failed to
        start.
    """
    with _handlers_put_back():
        run = _runner(serving, listener)
        announce()
        return run()


def _runner(serving: Serving, listener: socket.socket) -> Callable[[], bool]:
    # From here on the serving object handles signals. Python's default for Ctrl-C, an exception
    # wherever the program happens to be, can be lost in a finalizer; and the default for SIGTERM
    # would kill this process before it has stopped the database.
    config = _config(serving)
    if serving.reload:
        # Not draining's: the next process takes connections from the same listener.
        server = uvicorn.Server(config)
        reloader = WatchFilesReload(config, target=server.run, sockets=[listener])
        _send_signals_to(reloader.signal_handler)
        return lambda: _run_reloader(reloader)
    if serving.workers > 1:
        # It handles signals as soon as it exists.
        workers = Workers(config, sockets=[listener])
        workers.drain_seconds = serving.drain_seconds
        return lambda: _run_workers(workers)
    server = Server(config)
    _send_signals_to(server.handle_exit)
    return lambda: _run_here(server, listener)


def _config(serving: Serving) -> uvicorn.Config:
    return uvicorn.Config(
        "todo.server:served_app",
        factory=True,
        host=serving.host,
        port=serving.port,
        workers=serving.workers,
        reload=serving.reload,
        reload_dirs=[str(Path(__file__).parent)] if serving.reload else None,
        # A process reads each file of the Todo client once.
        reload_includes=["*.html", "*.css", "*.js"] if serving.reload else None,
        log_config=None,
        server_header=False,
        http=LingeringProtocol,
        # There are no WebSockets here; with them enabled, uvicorn would leave a PATCH that asks for
        # an upgrade without any response.
        ws="none",
        # X-Forwarded-For is trusted only from explicitly configured proxies.
        proxy_headers=bool(os.environ.get("FORWARDED_ALLOW_IPS")),
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=LOAD_SECONDS,
    )


def _run_here(server: uvicorn.Server, listener: socket.socket) -> bool:
    try:
        server.run(sockets=[listener])
    except SystemExit:
        # The application did not start; the reason is in the log.
        return False
    return server.started


def _run_workers(workers: Workers) -> bool:
    with _ctrl_c_kept_from_children():
        workers.run()
    return all(process.exitcode != STARTUP_FAILURE for process in workers.processes)


def _run_reloader(reloader: WatchFilesReload) -> bool:
    with _ctrl_c_kept_from_children():
        reloader.run()
    return True


def _send_signals_to(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, handler)


@contextmanager
def _handlers_put_back() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _ctrl_c_kept_from_children() -> Iterator[None]:
    # A terminal sends Ctrl-C to every process. A child that is still importing would die with a
    # traceback, and any other would stop before it is asked to; so children inherit it blocked.
    # Another thread here receives it, and Python handles every signal in the main thread.
    # multiprocessing's resource tracker, started with the first child, would end the blocking.
    resource_tracker.ensure_running()
    end = threading.Event()
    threading.Thread(target=end.wait, name="receives Ctrl-C", daemon=True).start()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        end.set()
