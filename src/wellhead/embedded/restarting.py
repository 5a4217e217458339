"""Starts a server again when it dies, and refuses its clients when that is not possible."""

import logging
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from wellhead.embedded import watch
from wellhead.embedded.ports import ADDRESS
from wellhead.errors import EmbeddedError

logger = logging.getLogger(__package__)

_LOOK_SECONDS = 0.5
_CLIENT_SECONDS = 1.0
_MOST_RESTARTS = 5
_WINDOW_SECONDS = 60.0

# https://www.postgresql.org/docs/current/protocol-message-formats.html
_WANTS_ENCRYPTION = {80877103, 80877104}
_LONGEST_STARTUP = 10_000
_REFUSED = "08004"


class Restarting:
    """Looks after the server of one directory in a thread.

    A server that has died is started again, at most five times a minute. If it cannot be, the
    reason is logged once, and from then on each client is refused: if nothing listened on the port,
    clients would wait, as they do for a server that is restarting.

    Args:
        home: The directory of the server.
        port: Its port.
        restart: Starts the server again on this port, or joins the one that another process has
            started; raises an EmbeddedError or an OSError if that is not possible.
    """

    def __init__(self, home: Path, port: int, restart: Callable[[], None]) -> None:
        self._home = home
        self._port = port
        self._restart = restart
        self._stopped = Event()
        self._thread = Thread(target=self._run, name=f"looks after {home}", daemon=True)

    def begin(self) -> None:
        """Look after it from now on."""
        self._thread.start()

    def end(self) -> None:
        """Leave the server as it is from now on; waits for a start that is under way."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        data = self._home / watch.DATA
        server = watch.find_postmaster(data)
        deaths = deque[float](maxlen=_MOST_RESTARTS + 1)
        while not self._stopped.wait(_LOOK_SECONDS):
            if server is not None and watch.serves(server.pid, data):
                continue
            died_at = time.monotonic()
            deaths.append(died_at)
            try:
                _refuse_too_many(deaths)
                self._restart()
            except (EmbeddedError, OSError) as error:
                self._give_up(error)
                return
            server = watch.find_postmaster(data)
            seconds = time.monotonic() - died_at
            logger.warning(
                "the embedded PostgreSQL in %s had ended; it was started again in %.1f s",
                self._home,
                seconds,
                extra={"event": "embedded_restarted", "seconds": round(seconds, 3)},
            )

    def _give_up(self, error: Exception) -> None:
        logger.error(
            "the embedded PostgreSQL in %s has ended and cannot be started again; stop this"
            " program, mend the cause, and start it again: %s",
            self._home,
            error,
            extra={"event": "embedded_lost"},
        )
        # Its clients are told no more than they can find in the log.
        message = f"the embedded PostgreSQL in {self._home} has ended and cannot be started again"
        with suppress(OSError), socket.create_server((ADDRESS, self._port)) as listener:
            listener.settimeout(_LOOK_SECONDS)
            while not self._stopped.is_set():
                with suppress(OSError):
                    _refuse(listener.accept()[0], message)


def _refuse_too_many(deaths: "deque[float]") -> None:
    if len(deaths) > _MOST_RESTARTS and deaths[-1] - deaths[0] < _WINDOW_SECONDS:
        raise EmbeddedError(
            f"It has ended {len(deaths)} times within {deaths[-1] - deaths[0]:.0f} s."
        )


def _refuse(client: socket.socket, message: str) -> None:
    """Respond to the start of a session as a server does that accepts none."""
    with client:
        client.settimeout(_CLIENT_SECONDS)
        if _read_startup(client) in _WANTS_ENCRYPTION:
            client.sendall(b"N")
            _read_startup(client)
        fields = {"S": "FATAL", "V": "FATAL", "C": _REFUSED, "M": message}
        body = b"".join(f"{name}{value}\0".encode() for name, value in fields.items()) + b"\0"
        client.sendall(b"E" + struct.pack("!i", len(body) + 4) + body)


def _read_startup(client: socket.socket) -> int:
    # To its end: closing a socket with unread bytes would take the response from the client.
    with client.makefile("rb") as stream:
        length, code = struct.unpack("!ii", stream.read(8).ljust(8, b"\0"))
        stream.read(min(max(length - 8, 0), _LONGEST_STARTUP))
    return int(code)
