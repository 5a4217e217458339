"""A peer as it is served: uvicorn in a process of its own."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from bench.speed.item import POOL_SIZE
from bench.speed.load import Response
from bench.speed.machine import Moment, pin
from bench.speed.peer import ROOT, Peer
from tests.staging.ports import reserve_port

_STARTS_WITHIN = 120.0
_STOPS_WITHIN = 20.0


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started.

    Attributes:
        peer: What it serves.
        command: Its program; `--port` and a port are put behind it.
        environment: Its variables, in addition to `PATH` and `HOME`.
        path: What it responds to with 200 once it serves.
        directory: Where it runs.
    """

    peer: Peer
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    path: str
    directory: Path = ROOT


@dataclass(frozen=True, slots=True)
class Server:
    """A peer that is being served.

    Attributes:
        peer: Which.
        port: Where it listens on 127.0.0.1.
        pid: Its first process.
    """

    peer: Peer
    port: int
    pid: int

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """The status and the body of the response to one request."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            response = Response()
            while data := await reader.read(65536):
                for status, content in response.feed(data):
                    return status, content
        finally:
            writer.close()
            await writer.wait_closed()
        raise ConnectionResetError(f"{self.peer.name} hung up on {method} {path}.")


@asynccontextmanager
async def serving(
    peers: Sequence[Peer], url: str, *, workers: int, pooler: bool, cores: set[int], logs: Path
) -> AsyncIterator[list[Server]]:
    """All peers at the same time, each on its port, once they answer.

    Args:
        peers: Which.
        url: The database.
        workers: Processes of each.
        pooler: Whether the database is behind a PgBouncer that tracks prepared statements.
        cores: Where they run, once they have started.
        logs: Where each writes what it has to say.

    Raises:
        ChildProcessError: One does not serve the table; its log is in the message.
    """
    launches = [_launch(peer, url, workers=workers, pooler=pooler) for peer in peers]
    async with launched(launches, cores=cores, logs=logs) as servers:
        yield servers


@asynccontextmanager
async def launched(
    launches: Sequence[Launch], *, cores: set[int], logs: Path
) -> AsyncIterator[list[Server]]:
    """Servers at the same time, each on a port of its own, once they answer.

    Args:
        launches: How each is started.
        cores: Where they run, once they have started.
        logs: Where each writes what it has to say.

    Raises:
        ChildProcessError: One does not answer; its log is in the message.
    """
    async with AsyncExitStack() as stack:
        servers: list[Server] = []
        processes = []
        for launch in launches:
            port = reserve_port()
            process = _start(launch, port, logs)
            stack.push_async_callback(_stop, process)
            servers.append(Server(launch.peer, port, process.pid))
            processes.append(process)
        for launch, server, process in zip(launches, servers, processes, strict=True):
            if not await _answers(server, process, launch.path):
                said = _said(logs, server.peer)
                raise ChildProcessError(f"It does not serve {launch.path}: {said}")
        pin(Moment.now().tree([each.pid for each in servers]), cores)
        yield servers


def _launch(peer: Peer, url: str, *, workers: int, pooler: bool) -> Launch:
    command = [str(peer.python), "-m", "uvicorn", "--factory", peer.app]
    command += ["--host", "127.0.0.1", "--workers", str(workers)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    environment = {"DATABASE_URL": url, "POOL_SIZE": str(POOL_SIZE)}
    if pooler:
        environment["POOLER"] = "tracks statements"
    return Launch(peer, command, environment, "/items/1")


def _start(launch: Launch, port: int, logs: Path) -> "subprocess.Popen[bytes]":
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with _log(logs, launch.peer).open("wb") as file:
        return subprocess.Popen(
            [*launch.command, "--port", str(port)],
            cwd=launch.directory,
            env={**environment, **launch.environment},
            stdout=file,
            stderr=file,
        )


def _log(logs: Path, peer: Peer) -> Path:
    return logs / f"{peer.name}.log"


def _said(logs: Path, peer: Peer) -> str:
    return f"{peer.name}\n{_log(logs, peer).read_text()}"


async def _answers(server: Server, process: "subprocess.Popen[bytes]", path: str) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(_STARTS_WITHIN):
            while process.poll() is None:
                with suppress(OSError):
                    return (await server.ask("GET", path))[0] == HTTPStatus.OK
                await asyncio.sleep(0.05)
    return False


async def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        await asyncio.to_thread(process.wait, _STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        await asyncio.to_thread(process.wait)
