"""Whether anything grows with traffic: memory and objects, over a great many requests.

Run it with ``make soak``. The Todo API serves in a process of its own on a PostgreSQL of its own;
clients go through all of its routes again and again: what succeeds, what is refused, what fails,
what meets its deadline, and what hangs up. What the process holds is looked at on the way.
"""

import argparse
import asyncio
import ctypes
import gc
import heapq
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import uvicorn
from fastapi import FastAPI
from sqlalchemy import text

from bench.own_process import served
from bench.page import write
from todo import MIGRATIONS
from todo.draining import LingeringProtocol
from todo.main import create_app
from todo.settings import Settings
from todo.web.logs import configure_logging
from wellhead import Database, DatabaseSettings
from wellhead.embedded import EmbeddedPostgres
from wellhead.fastapi import ReaderDep, deadline
from wellhead.migrations import Migrations

CLIENTS = 6
WARM_UP = 0.1
"""The share of the requests before the first look."""

PASSWORD = "correct horse battery"  # noqa: S105 - nobody's
OURS = ("wellhead", "todo")
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def application(url: str, pool_mode: str) -> FastAPI:
    """The Todo API, with four routes that fail, and one that tells what the process holds."""
    settings = Settings(
        jwt_secret_key=uuid4().hex * 2,
        jwt_access_token_expire_minutes=24 * 60,
        argon2_time_cost=1,
        argon2_memory_kib=7 * 1024,
        argon2_parallelism=1,
        login_attempts_per_account="1000000 per minute",
        login_attempts_per_address="1000000 per minute",
        registrations_per_address="1000000 per minute",
        metrics=True,
    )
    configure_logging(settings)
    database = Database(
        DatabaseSettings(url=url, pool_mode=pool_mode), migrations=Migrations(MIGRATIONS)
    )
    app = create_app(settings, database)

    @app.get("/soak/query", dependencies=[deadline(0.05)])
    async def query(reader: ReaderDep) -> None:
        await reader.exec(text("SELECT pg_sleep(60)"))

    @app.get("/soak/thread", dependencies=[deadline(0.02)])
    def thread() -> None:
        time.sleep(0.05)

    @app.get("/soak/mistake")
    async def mistake(reader: ReaderDep) -> None:
        await reader.exec(text("SELECT nothing FROM nowhere"))

    @app.get("/soak/defect")
    async def defect() -> None:
        raise RuntimeError("nobody foresaw this")

    @app.get("/soak/held")
    async def held() -> dict[str, int]:
        return {**holdings(), **memory()}

    return app


class MallInfo(ctypes.Structure):
    """What glibc says of its heap: https://man7.org/linux/man-pages/man3/mallinfo.3.html."""

    _fields_ = (
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd")),
        *((name, ctypes.c_size_t) for name in ("usmblks", "fsmblks", "uordblks", "fordblks")),
        ("keepcost", ctypes.c_size_t),
    )


def memory() -> dict[str, int]:
    """The kilobytes of this process: resident, and given out by glibc, which keeps some more."""
    status = Path("/proc/self/status").read_text().partition("VmRSS:")[2]
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = MallInfo
    heap = libc.mallinfo2()
    given_out = (heap.uordblks + heap.hblkhd) // 1024
    return {"memory": int(status.split()[0]), "given_out": given_out}


def holdings() -> dict[str, int]:
    """How many objects this process holds."""
    loop: Any = asyncio.get_running_loop()
    _forget_cancelled_timers(loop)
    gc.collect()
    objects = gc.get_objects()
    ours = sum(str(type(each).__module__).partition(".")[0] in OURS for each in objects)
    return {
        "blocks": sys.getallocatedblocks(),
        "objects": len(objects),
        "ours": ours,
        "tasks": len(asyncio.all_tasks()),
        "timers": len(getattr(loop, "_scheduled", ())),
        "threads": threading.active_count(),
    }


def _forget_cancelled_timers(loop: Any) -> None:
    """Do now what asyncio does once it has a hundred: until then each keeps a request's context."""
    timers = getattr(loop, "_scheduled", [])
    for each in timers:
        each._scheduled = not each.cancelled()  # noqa: SLF001 - as the loop does
    timers[:] = [each for each in timers if not each.cancelled()]
    heapq.heapify(timers)
    loop._timer_cancelled_count = 0  # noqa: SLF001


def serve(url: str, pool_mode: str, listener: socket.socket) -> None:
    """Serve until the process is ended."""
    config = uvicorn.Config(
        application(url, pool_mode),
        log_config=None,
        loop="asyncio",
        http=LingeringProtocol,
        timeout_keep_alive=300,
    )
    uvicorn.Server(config).run(sockets=[listener])


@dataclass
class Tally:
    """What was asked, and what came back."""

    left: int
    asked: int = 0
    statuses: Counter[int] = field(default_factory=Counter)


class Client:
    """Goes through every route over one connection, with an account of its own.

    Args:
        port: The service's.
        tally: Shared by all clients.
    """

    def __init__(self, port: int, tally: Tally) -> None:
        self._port = port
        self._tally = tally
        self._headers: dict[str, str] = {}
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self) -> None:
        """Ask until nothing is left to be asked."""
        email = f"{uuid4().hex}@example.com"
        rounds = 0
        user = await self._log_in(email, is_new=True)
        while self._tally.left > 0:
            await self._use(f"/api/{user['id']}")
            await self._fail(f"/api/{user['id']}")
            if rounds % 10 == 0:
                await self._come_and_go()
            rounds += 1
        if self._streams is not None:
            self._streams[1].close()

    async def _log_in(self, email: str, *, is_new: bool = False) -> dict[str, Any]:
        if is_new:
            await self.ask("POST", "/api/auth/register", {"email": email, "password": PASSWORD})
        form = urlencode({"username": email, "password": PASSWORD})
        pair = await self.ask("POST", "/api/auth/login", form)
        self._headers = {"Authorization": f"Bearer {pair['access_token']}"}
        return {**await self.ask("GET", "/api/auth/me"), **pair}

    async def _use(self, mine: str) -> None:
        await self.ask("GET", "/")
        for kind in ("", "/live", "/startup", "/ready", "/db"):
            await self.ask("GET", f"/health{kind}")
        key = {"Idempotency-Key": uuid4().hex}
        task = {"title": "Buy milk", "tags": [uuid4().hex[:8]], "priority": "high"}
        made = await self.ask("POST", f"{mine}/tasks", task, key)
        await self.ask("POST", f"{mine}/tasks", task, key)
        one = f"{mine}/tasks/{made['id']}"
        await self.ask("GET", f"{mine}/tasks?limit=1&q=milk&sort=-priority&completed=false")
        await self.ask("GET", one)
        await self.ask("GET", one, None, {"If-None-Match": made["etag"]})
        await self.ask("PUT", one, task)
        await self.ask("PATCH", one, {"description": "Two litres"})
        await self.ask("PATCH", f"{one}/complete", {})
        await self.ask("PATCH", one, {"title": "x"}, {"If-Match": '"another"'})
        tag = await self.ask("POST", f"{mine}/tags", {"name": uuid4().hex[:8]})
        await self.ask("POST", f"{mine}/tags", {"name": tag["name"]})
        other = f"{mine}/tags/{tag['id']}"
        await self.ask("GET", f"{mine}/tags?limit=2")
        await self.ask("GET", other)
        await self.ask("PATCH", other, {"color": "#123456"})
        await self.ask("PUT", f"{other}/tasks/{made['id']}")
        await self.ask("DELETE", f"{other}/tasks/{made['id']}")
        await self.ask("DELETE", other)
        await self.ask("DELETE", f"{mine}/tags/{made['tags'][0]['id']}")
        await self.ask("DELETE", one)

    async def _fail(self, mine: str) -> None:
        anybody = {"Authorization": ""}
        nowhere = uuid4()
        for method, path, body, headers in (
            ("GET", f"/{nowhere}/%0a?q=" + "x" * 500, None, {}),
            ("GET", f"/docs-assets/{nowhere}", None, {}),
            ("GET", f"{mine}/tasks/{nowhere}", None, {}),
            ("GET", f"{mine}/tasks?{nowhere}=1", None, {}),
            ("POST", f"{mine}/tasks", {"title": "", str(nowhere): 1}, {}),
            ("POST", f"{mine}/tasks", "{", JSON),
            ("GET", f"/api/{nowhere}/tasks", None, {}),
            ("GET", f"{mine}/tasks", None, anybody),
            ("GET", f"{mine}/tasks", None, {"Authorization": f"Bearer {nowhere}"}),
            ("DELETE", "/health", None, {}),
            ("GET", "/soak/query", None, {}),
            ("GET", "/soak/thread", None, {}),
            ("GET", "/soak/mistake", None, {}),
            ("GET", "/soak/defect", None, {}),
        ):
            await self.ask(method, path, body, headers)
        await self._hang_up("/soak/query")
        await self._hang_up(f"{mine}/tasks")

    async def _come_and_go(self) -> None:
        for path in ("/docs", "/redoc", "/openapi.json", "/metrics", "/db/pool-status"):
            await self.ask("GET", path)
        before = self._headers
        user = await self._log_in(f"{uuid4().hex}@example.com", is_new=True)
        pair = await self.ask("POST", "/api/auth/refresh", {"refresh_token": user["refresh_token"]})
        self._headers = {"Authorization": f"Bearer {pair['access_token']}"}
        await self.ask(
            "POST",
            "/api/auth/change-password",
            {"current_password": PASSWORD, "new_password": PASSWORD + "!"},
        )
        await self.ask("POST", "/api/auth/delete-account", {"password": "wrong"})
        await self.ask("POST", "/api/auth/delete-account", {"password": PASSWORD + "!"})
        await self.ask("POST", "/api/auth/logout")
        self._headers = before

    async def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        """Send a request, and read the response."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        sent = body if isinstance(body, str) else json.dumps(body) if body is not None else ""
        kind = {} if body is None else FORM if isinstance(body, str) else JSON
        lines = {"Host": "soak", "Content-Length": str(len(sent)), **kind, **self._headers}
        head = "\r\n".join(f"{name}: {value}" for name, value in (lines | (headers or {})).items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n\r\n{sent}".encode())
        status, content = await self._read(reader)
        self._count(status)
        is_json = content[:1] in {b"{", b"["}
        return json.loads(content) if is_json else None

    async def _read(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = head.partition("content-length: ")[2].partition("\r\n")[0]
        return int(head.split()[1]), await reader.readexactly(int(length or "0"))

    async def _hang_up(self, path: str) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = "".join(f"{name}: {value}\r\n" for name, value in self._headers.items())
        writer.write(f"GET {path} HTTP/1.1\r\nHost: soak\r\n{head}\r\n".encode())
        await asyncio.sleep(0.01)
        writer.close()
        self._count(0)

    def _count(self, status: int) -> None:
        self._tally.left -= 1
        self._tally.asked += 1
        self._tally.statuses[status] += 1


def service(url: str, pool_mode: str) -> AbstractAsyncContextManager[int]:
    """The service in a process of its own, without its log; yields its port."""
    return served("bench.soak", url, pool_mode, log=subprocess.DEVNULL)


async def soak(url: str, requests: int, pool_mode: str) -> tuple[Tally, list[dict[str, int]]]:
    """Ask so often, and look at the beginning, after each quarter and at the end."""
    seen: list[dict[str, int]] = []
    parts = [WARM_UP, *[(1 - WARM_UP) / 4] * 4]
    tally = Tally(0)
    async with service(url, pool_mode) as port:
        for part in parts:
            tally.left = int(requests * part)
            async with asyncio.TaskGroup() as group:
                for _ in range(CLIENTS):
                    group.create_task(Client(port, tally).run())
            # What hung up, and what met its deadline in a thread, has ended by then.
            await asyncio.sleep(1)
            held = await Client(port, tally).ask("GET", "/soak/held")
            seen.append({"requests": tally.asked, **held})
            print(seen[-1], flush=True)
    return tally, seen


HEADS = {
    "requests": "requests",
    "memory": "memory, MB",
    "given_out": "given out by malloc, MB",
    "blocks": "Python's blocks",
    "objects": "objects",
    "ours": "of Wellhead and the Todo API",
    "tasks": "tasks",
    "timers": "timers",
    "threads": "threads",
}


def table(found: dict[str, list[dict[str, int]]]) -> str:
    """What was seen, as a table in Markdown."""
    lines = ["| | " + " | ".join(HEADS.values()) + " |", "|---" * (len(HEADS) + 1) + "|"]
    for name, seen in found.items():
        for look in seen:
            figures = {**look, **{each: look[each] // 1024 for each in ("memory", "given_out")}}
            cells = [f"{figures[figure]:,}" for figure in HEADS]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Ask, print, and write to a page where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000, help="how many")
    parser.add_argument("--write", type=Path, help="the page to write the table to")
    parser.add_argument(
        "--serve", nargs=3, metavar=("URL", "MODE", "DESCRIPTOR"), help=argparse.SUPPRESS
    )
    arguments = parser.parse_args()
    if arguments.serve:
        url, pool_mode, descriptor = arguments.serve
        serve(url, pool_mode, socket.socket(fileno=int(descriptor)))
        return
    found: dict[str, list[dict[str, int]]] = {}
    statuses: Counter[int] = Counter()
    with tempfile.TemporaryDirectory(prefix="wellhead-") as name:
        path = Path(name)
        path.chmod(0o755)
        with EmbeddedPostgres(path / "postgres", durable=False) as postgres:
            Migrations(MIGRATIONS, settings=DatabaseSettings(url=postgres.url)).upgrade()
            for pool_mode, requests in (
                ("pool", arguments.requests * 9 // 10),
                ("none", arguments.requests // 10),
            ):
                tally, seen = asyncio.run(soak(postgres.url, requests, pool_mode))
                found[f"`{pool_mode}`"] = seen
                statuses += tally.statuses
            version = postgres.version
    hung_up = statuses.pop(0)
    said = ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
    conditions = (
        f"Measured on {datetime.now(tz=UTC):%Y-%m-%d}. Responses by status: {said}; clients that "
        f"hung up: {hung_up:,}. Python {platform.python_version()}, PostgreSQL {version}, "
        f"{os.cpu_count()} cores of {platform.machine()}."
    )
    section = f"{table(found)}\n\n{conditions}"
    print(section)
    if arguments.write:
        write(section, arguments.write, name="soak")


if __name__ == "__main__":
    main()
