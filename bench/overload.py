"""Ten times the clients that the pool can serve: how many are served, and how soon the rest hear.

Run it with ``make bench-overload``. It starts a PostgreSQL of its own, and the service in a process
of its own. Rates on a shared machine mean little by themselves: the loads take turns, and what is
compared is the ratio within one turn.
"""

import argparse
import asyncio
import datetime as dt
import os
import platform
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import IO

import asyncpg
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text

from bench.own_process import served
from bench.page import write
from wellhead import Database, DatabaseSettings
from wellhead.embedded import EmbeddedPostgres
from wellhead.fastapi import ReaderDep, install, lifespan

SIZE, HELD, QUEUE = 5, 0.02, 20
"""Connections, the seconds that each request holds one, and callers that may queue."""

MANY = 10 * SIZE
ROUNDS, SECONDS, WARM_UP = 5, 4.0, 0.5
CONNECT, ACQUIRE = 1.0, 3.0
"""Seconds: the deadlines of a new connection, and of having one."""


def application(url: str) -> FastAPI:
    """A service whose only route holds a connection for a while."""
    database = Database(
        DatabaseSettings(
            url=url,
            pool_size=SIZE,
            max_overflow=0,
            pool_max_waiting=QUEUE,
            connect_timeout=CONNECT,
            pool_timeout=ACQUIRE,
        )
    )
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    statement = text(f"SELECT pg_sleep({HELD})")

    @app.get("/")
    async def hold(reader: ReaderDep) -> None:
        await reader.exec(statement)

    return app


def serve(url: str, listener: socket.socket) -> None:
    """Serve until the process is ended."""
    config = uvicorn.Config(application(url), log_config=None, access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


@dataclass
class Load:
    """What one load met.

    Attributes:
        seconds: How long it lasted.
        served: Times of requests that were served.
        refused: Times of requests that were answered 503.
        other: Other statuses.
        connections: The most connections that the server saw.
    """

    seconds: float = 0.0
    served: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    other: list[int] = field(default_factory=list)
    connections: int = 0

    @property
    def rate(self) -> float:
        """Requests that were served, each second."""
        return len(self.served) / self.seconds


class Client:
    """A client that asks again and again over one connection.

    Args:
        port: The service's.
        patient: Whether it waits for as long as ``Retry-After`` says.
    """

    def __init__(self, port: int, *, patient: bool) -> None:
        self._port = port
        self._patient = patient

    async def run(self, until: float, note: Callable[[int, float], None]) -> None:
        """Ask once, and again until a time by the clock."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while True:
                began = time.monotonic()
                writer.write(b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
                status, headers = await read_answer(reader)
                note(status, time.monotonic() - began)
                if time.monotonic() >= until:
                    return
                if self._patient and "retry-after" in headers:
                    await asyncio.sleep(float(headers["retry-after"]))
        finally:
            writer.close()
            await writer.wait_closed()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """The status and the headers of an answer; its body is read and left."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    await reader.readexactly(int(headers.get("content-length", "0")))
    return int(head[0].split()[1]), headers


async def put(port: int, clients: int, *, patient: bool, watch: asyncpg.Connection) -> Load:
    """Put a load on the service; the beginning does not count."""
    load = Load(seconds=SECONDS)
    began = time.monotonic()
    counts_from, until = began + WARM_UP, began + WARM_UP + SECONDS

    def note(status: int, seconds: float) -> None:
        if not counts_from <= time.monotonic() < until:
            return
        if status == HTTPStatus.OK:
            load.served.append(seconds)
        elif status == HTTPStatus.SERVICE_UNAVAILABLE:
            load.refused.append(seconds)
        else:
            load.other.append(status)

    asking = asyncio.gather(
        *(Client(port, patient=patient).run(until, note) for _ in range(clients))
    )
    while not asking.done():
        seen = await watch.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        load.connections = max(load.connections, seen)
        await asyncio.wait({asking}, timeout=0.25)
    await asking
    return load


def percentile(values: list[float], share: float) -> float:
    """A percentile, in milliseconds."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000 if values else 0.0


LOADS: dict[str, tuple[int, bool]] = {
    f"{2 * SIZE} clients": (2 * SIZE, True),
    f"{MANY} clients that wait as `Retry-After` says": (MANY, True),
    f"{MANY} clients that ask again at once": (MANY, False),
}


def row(loads: list[Load], saturated: list[Load]) -> list[str]:
    """The cells of one load, over all turns."""
    ratio = statistics.median(a.rate / b.rate for a, b in zip(loads, saturated, strict=True))
    served = [each for load in loads for each in load.served]
    refused = [each for load in loads for each in load.refused]
    return [
        f"{statistics.median(load.rate for load in loads):.0f} ({ratio:.2f})",
        f"{len(refused) / sum(load.seconds for load in loads):.0f}",
        f"{percentile(refused, 0.5):.1f} / {percentile(refused, 0.99):.1f}" if refused else "-",
        f"{percentile(served, 0.5):.0f} / {max(served) * 1000:.0f}",
        str(max(load.connections for load in loads)),
        str(sum(len(load.other) for load in loads)),
    ]


HEADS = [
    "served a second (ratio)",
    "503 a second",
    "503 after, ms (median / 99 %)",
    "served after, ms (median / longest)",
    "connections",
    "anything else",
]


def service(url: str, *, log: IO[bytes] | None = None) -> AbstractAsyncContextManager[int]:
    """The service in a process of its own; yields its port.

    Args:
        url: Its database.
        log: Where it logs its refusals; None leaves that to the terminal.
    """
    return served("bench.overload", url, log=log)


async def measure(postgres: EmbeddedPostgres) -> str:
    """Everything, as a Markdown section."""
    found: dict[str, list[Load]] = {name: [] for name in LOADS}
    watch = await asyncpg.connect(postgres.url)
    async with service(postgres.url) as port:
        # Until the service is up, connections are kept waiting.
        await Client(port, patient=False).run(time.monotonic(), lambda *_: None)
        for _ in range(ROUNDS):
            for name, (clients, patient) in LOADS.items():
                found[name].append(await put(port, clients, patient=patient, watch=watch))
    await watch.close()
    saturated = found[next(iter(LOADS))]
    lines = ["| | " + " | ".join(HEADS) + " |", "|---" * (len(HEADS) + 1) + "|"]
    lines += [
        f"| {name} | " + " | ".join(row(each, saturated)) + " |" for name, each in found.items()
    ]
    return "\n".join([*lines, "", conditions(postgres)])


def conditions(postgres: EmbeddedPostgres) -> str:
    """When and where this was measured."""
    return (
        f"Measured on {dt.datetime.now(tz=dt.UTC):%Y-%m-%d}: {SIZE} connections, {QUEUE} may wait, "
        f"each request holds its connection for {HELD * 1000:.0f} ms; Python "
        f"{platform.python_version()}, PostgreSQL {postgres.version}, {os.cpu_count()} cores of "
        f"{platform.machine()} for clients, service and database. Of {ROUNDS} turns of "
        f"{SECONDS:.0f} s the medians."
    )


def main() -> None:
    """Measure, print, and write to a page where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="the page to write the table to")
    parser.add_argument("--serve", nargs=2, metavar=("URL", "DESCRIPTOR"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        url, descriptor = arguments.serve
        serve(url, socket.socket(fileno=int(descriptor)))
        return
    with tempfile.TemporaryDirectory(prefix="wellhead-") as name:
        path = Path(name)
        path.chmod(0o755)
        with EmbeddedPostgres(path / "postgres", durable=False) as postgres:
            section = asyncio.run(measure(postgres))
    print(section)
    if arguments.write:
        write(section, arguments.write, name="bench-overload")


if __name__ == "__main__":
    main()
