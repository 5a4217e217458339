"""The workers of one service on this machine: each can ask the others for their figures.

A server with several workers hands a request to any of them, also one for the figures. So each
worker listens on a Unix socket, in a directory that only this user can enter and that is named for
the parent process; who is asked asks the others.
"""

import asyncio
import hashlib
import json
import logging
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path
from typing import Any, Self

from wellhead.telemetry.private_directory import directory_for

logger = logging.getLogger(__package__)

PATIENCE = 0.5
"""Seconds that the others have to respond, all together."""

_ENDING = ".sock"


@dataclass(frozen=True, slots=True)
class Responses:
    """What the other workers told.

    Attributes:
        told: By worker.
        silent: The workers that are there and did not respond in time.
    """

    told: dict[str, Any]
    silent: frozenset[str]


class FellowWorkers:
    """This worker among the others; on its own where there is no parent with further ones.

    Args:
        service: What tells this service from others with the same parent.

    Attributes:
        name: The name of this worker.
        directory: Where all of them listen; None if this process is on its own.
        trouble: Why the others cannot be reached; None if they can, or if there are none.
    """

    def __init__(self, service: str) -> None:
        self.name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.directory: Path | None = None
        self.trouble: str | None = None
        self._service = hashlib.sha256(service.encode()).hexdigest()[:12]
        self._tell: dict[str, Callable[..., Any]] = {}
        self._closing: list[Callable[[], None]] = []
        self._server: asyncio.Server | None = None

    def on(self, topic: str, tell: Callable[..., Any]) -> None:
        """Respond to questions about this with what ``tell`` returns, as JSON."""
        self._tell[topic] = tell

    def on_close(self, close: Callable[[], None]) -> None:
        """Call this before the others can no longer reach this worker."""
        self._closing.append(close)

    async def __aenter__(self) -> Self:
        if not is_worker():
            return self
        try:
            directory = directory_for(self._service)
            # A worker that was forked has another number than the process that made this object.
            self.name = f"{os.getpid()}-{secrets.token_hex(4)}"
            path = directory / f"{self.name}{_ENDING}"
            self._server = await asyncio.start_unix_server(self._respond, path)
            self.directory = directory
        except (OSError, AttributeError) as error:
            # Windows has no such sockets.
            self.trouble = str(error)
            logger.warning(
                "the figures are those of one worker: it cannot listen for the others: %s",
                error,
                extra={"event": "workers_apart"},
            )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for close in self._closing:
            close()
        server, self._server = self._server, None
        if server is None or self.directory is None:
            return
        (self.directory / f"{self.name}{_ENDING}").unlink(missing_ok=True)
        server.close()
        self.directory = None

    @property
    def others(self) -> list[str]:
        """The other workers that listen."""
        if self.directory is None:
            return []
        names = (path.name for path in self.directory.glob(f"*{_ENDING}"))
        return [name for each in names if (name := each.removesuffix(_ENDING)) != self.name]

    async def ask(self, topic: str, *details: str) -> Responses:
        """Ask every other worker, all at once; waits at most ``PATIENCE``."""
        others = self.others
        if not others:
            return Responses({}, frozenset())
        question = json.dumps([topic, *details]).encode() + b"\n"
        found = await asyncio.gather(*(self._ask(each, question) for each in others))
        told = dict(zip(others, found, strict=True))
        return Responses(
            {name: each for name, each in told.items() if each is not None},
            frozenset(name for name, each in told.items() if each is None) & {*self.others},
        )

    async def _ask(self, name: str, question: bytes) -> Any:
        assert self.directory is not None  # noqa: S101 - there are others
        path = self.directory / f"{name}{_ENDING}"
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_unix_connection(path)
                try:
                    writer.write(question)
                    return json.loads(await reader.read())
                finally:
                    writer.close()
        except (ConnectionRefusedError, FileNotFoundError):
            # It has ended without a farewell.
            path.unlink(missing_ok=True)
        except (OSError, TimeoutError, ValueError):
            pass
        return None

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                topic, *details = json.loads(await reader.readuntil(b"\n"))
                tell = self._tell.get(topic)
                writer.write(json.dumps(None if tell is None else tell(*details)).encode())
                await writer.drain()
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            logger.debug("a question of another worker got no response: %s", type(error).__name__)
        finally:
            writer.close()


def is_worker() -> bool:
    """Whether this process is one of several that a server has started, or may be.

    uvicorn, hypercorn and granian start them by ``multiprocessing``, gunicorn by a fork.
    """
    return parent_process() is not None or "gunicorn.arbiter" in sys.modules
