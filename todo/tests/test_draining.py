"""The end of `todo serve`: open connections get responses, later ones are refused."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
import uvicorn
from commands import SECONDS, Served, serving
from fastapi import FastAPI
from staged import StagedAccount, make_account

from tests.staging.patience import until
from todo.draining import LingeringProtocol, Server, turn_away
from todo.listening import listen
from wellhead import Database

pytestmark = pytest.mark.wellhead(commit=True)

IN_FLIGHT = 200
CLIENTS = 16
ENOUGH = 200
DRAIN_SECONDS = "0.7"
IN_A_ROW = 10
CUT = "cut off"
REFUSED = "refused"


def client_of(served: Served, **headers: str) -> httpx2.AsyncClient:
    """A patient client."""
    return httpx2.AsyncClient(
        base_url=served.address, headers=headers, timeout=SECONDS, verify=False
    )


async def ask(client: httpx2.AsyncClient, path: str) -> int | str:
    """The status of an answer, or what became of the request without one."""
    try:
        return (await client.get(path)).status_code
    except (httpx2.ConnectError, httpx2.ConnectTimeout):
        return REFUSED
    except httpx2.TransportError as error:
        return f"{CUT}: {error!r}"


async def keep_asking(
    served: Served, path: str, found: list[int | str], headers: dict[str, str]
) -> None:
    """Ask on kept connections until no connection can be made."""
    async with client_of(served, **headers) as client:
        while REFUSED not in found[-1:]:
            found.append(await ask(client, path))


async def watch_readiness(served: Served, found: list[int | str]) -> None:
    """Ask for readiness as a balancer does, each time on a new connection, until refused."""
    while REFUSED not in found[-1:]:
        async with client_of(served) as client:
            found.append(await ask(client, "/health/ready"))


async def ended(served: Served) -> tuple[int, str]:
    """The server's exit code and its log, once it has ended."""
    return await asyncio.to_thread(served.ended)


@pytest.fixture(params=["1", "2"], ids=["one worker", "two workers"])
def workers(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def running(
    wellhead_url: str, workers: str, **changes: str
) -> AsyncIterator[tuple[Served, StagedAccount]]:
    with serving(
        "--workers", workers, DATABASE_URL=wellhead_url, DATABASE_POOL_MAX_WAITING="1000", **changes
    ) as served:
        # The command opens one of its own before it serves.
        await until(lambda: served.log().count("database opened") == int(workers) + 1)
        async with client_of(served) as client:
            account = await make_account(client)
        yield served, account


@pytest.fixture
def patience(tmp_path: Path) -> dict[str, str]:
    """What lets a process, and its workers, wait for clients that a busy machine keeps back."""
    code = f"from todo import draining\ndraining.LINGER = {SECONDS}\n"
    (tmp_path / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}


@pytest.mark.parametrize("drain_seconds", [DRAIN_SECONDS, "0"])
async def test_under_load_sigterm_cuts_nobody_off(
    wellhead_url: str, workers: str, drain_seconds: str, patience: dict[str, str]
) -> None:
    ready: list[int | str] = []
    found: list[list[int | str]] = [[] for _ in range(CLIENTS)]
    changes = patience | {"DRAIN_SECONDS": drain_seconds}
    async with running(wellhead_url, workers, **changes) as (served, account):
        path = f"/api/{account.id}/tasks"
        clients = [
            asyncio.create_task(keep_asking(served, path, each, account.headers)) for each in found
        ]
        watching = asyncio.create_task(watch_readiness(served, ready))
        await until(lambda: sum(map(len, found)) >= ENOUGH)
        served.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*clients, watching)
        code, log = await ended(served)

    assert Counter(status for each in found for status in each).keys() == {200, REFUSED}
    assert code == 0
    assert "Traceback" not in log
    assert log.count("database closed") == log.count("database opened") == int(workers) + 1
    assert set(ready) <= {200, 503, REFUSED}


async def test_readiness_ends_first_and_a_second_signal_ends_the_waiting(
    wellhead_url: str, workers: str
) -> None:
    async with running(wellhead_url, workers, DRAIN_SECONDS="300") as (served, account):
        served.process.send_signal(signal.SIGTERM)
        in_a_row = 0
        while in_a_row < IN_A_ROW:
            async with client_of(served) as client:
                status = await ask(client, "/health/ready")
            in_a_row = in_a_row + 1 if status == 503 else 0
        async with client_of(served, **account.headers) as client:
            status = await ask(client, f"/api/{account.id}/tasks")
        served.process.send_signal(signal.SIGTERM)
        code, log = await ended(served)

    assert (status, code) == (200, 0)
    assert log.count("database closed") == log.count("database opened") == int(workers) + 1


async def test_every_request_that_is_in_flight_at_sigterm_is_answered(
    wellhead_url: str, workers: str
) -> None:
    async with running(wellhead_url, workers, DRAIN_SECONDS="0") as (served, account):
        target = urlsplit(served.address)
        requests = [request_of(account, target.netloc, number) for number in range(IN_FLIGHT)]
        pairs = []
        for request in requests:
            reader, writer = await asyncio.open_connection(target.hostname, target.port)
            writer.write(request[:-5])
            await writer.drain()
            pairs.append((reader, writer))
        await asyncio.sleep(0.5)
        served.process.send_signal(signal.SIGTERM)
        await refused(target.hostname, target.port)
        for (_, writer), request in zip(pairs, requests, strict=True):
            writer.write(request[-5:])
        answers = await asyncio.gather(*(reader.read() for reader, _ in pairs))
        for _, writer in pairs:
            writer.close()
        code, _ = await ended(served)

    assert Counter(answer[:12] for answer in answers) == {b"HTTP/1.1 201": IN_FLIGHT}
    assert all(b"connection: close" in answer.lower() for answer in answers)
    assert code == 0


def request_of(account: StagedAccount, host: str, number: int) -> bytes:
    body = b'{"title": "Task %d"}' % number
    head = (
        f"POST /api/{account.id}/tasks HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: {account.headers['Authorization']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def refused(host: str | None, port: int | None) -> None:
    """Wait until new connections are blocked."""
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except ConnectionRefusedError:
            return
        writer.close()


async def test_a_kept_connection_is_sent_away_with_its_next_answer(
    wellhead_url: str, workers: str
) -> None:
    async with (
        running(wellhead_url, workers, DRAIN_SECONDS="30") as (served, _),
        client_of(served) as client,
    ):
        before = await client.get("/health")
        served.process.send_signal(signal.SIGTERM)
        after = before
        while "connection" not in after.headers:
            after = await client.get("/health")

    assert "connection" not in before.headers
    assert (after.status_code, after.headers["connection"]) == (200, "close")


async def test_after_ctrl_c_nobody_waits(wellhead_url: str, workers: str) -> None:
    async with running(wellhead_url, workers, DRAIN_SECONDS="300") as (served, _):
        code, log = await asyncio.to_thread(served.stop, signal.SIGINT)

    assert code == 0
    assert "Traceback" not in log
    assert log.count("database closed") == log.count("database opened") == int(workers) + 1


@asynccontextmanager
async def ending(app: FastAPI) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A kept, idle connection to a server that has closed its listener, and ends with the block."""
    with listen("127.0.0.1", 0) as listener:
        address = listener.getsockname()
        config = uvicorn.Config(app, http=LingeringProtocol, ws="none", log_config=None)
        server = Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        await until(lambda: server.started)
        reader, writer = await asyncio.open_connection(*address)
        await ask_on(reader, writer)
        server.should_exit = True
        await until(lambda: not any(each.is_serving() for each in server.servers))
        yield reader, writer
        writer.close()
        await running


async def ask_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Ask on a connection; the answer's head."""
    writer.write(b"GET /health HTTP/1.1\r\nHost: test\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(re.findall(rb"content-length: (\d+)", head)[0])
    await reader.readexactly(length)
    return head


async def test_a_request_that_is_on_its_way_on_an_idle_connection_is_answered(
    app: FastAPI, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("todo.draining.LINGER", 3600.0)
    async with ending(app) as (reader, writer):
        database.drain()
        head = await ask_on(reader, writer)
        rest = await reader.read()

    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in head.lower()
    assert rest == b""


async def test_an_idle_connection_is_closed_after_a_moment(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("todo.draining.LINGER", 0.01)
    async with ending(app) as (reader, _):
        assert await reader.read() == b""


def test_nobody_can_connect_after_being_turned_away_and_who_is_connected_stays() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address) as before:
            turn_away(listener)
            with pytest.raises(TimeoutError) if sys.platform == "linux" else nullcontext():
                socket.create_connection(address, timeout=0.2).close()
            accepted, _ = listener.accept()
            with accepted:
                before.sendall(b"still here")

                assert accepted.recv(100) == b"still here"
