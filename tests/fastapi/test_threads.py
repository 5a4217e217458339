"""Threads of routes keep their place until they end, whatever becomes of their requests."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from anyio import to_thread
from fastapi import Depends, FastAPI
from fastapi.concurrency import run_in_threadpool

from tests.staging.patience import until
from tests.staging.server import serve
from wellhead import Database, DatabaseSettings
from wellhead.fastapi import deadline, install
from wellhead.fastapi.threads import await_threads
from wellhead.sessions.deadline import Deadline, Ending, current_deadline

PLACES = 2
KINDS = ["route", "dependency", "opening", "called", "task", "gathered", "grouped"]


class Gate:
    """Holds every thread back until it is opened, and counts how many are inside at one time."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._lock = threading.Lock()
        self.inside = 0
        self.most = 0
        self.went_on = 0

    def pass_through(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self._open.wait(60)
        with self._lock:
            self.inside -= 1

    def has(self, number: int) -> Callable[[], bool]:
        """Whether so many are inside."""
        return lambda: self.inside == number

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether there was a thread, for each request that was to be ended."""
    ended: list[bool] = []

    def noting(task: asyncio.Task[Any]) -> bool:
        ended.append(await_threads(task))
        return ended[-1]

    monkeypatch.setattr("wellhead.fastapi.deadlines.await_threads", noting)
    return ended


def noting(limits: list[Deadline]) -> Callable[[], Awaitable[None]]:
    """A dependency that notes the deadline of each request."""

    async def note() -> None:
        limit = current_deadline.get()
        assert limit is not None
        limits.append(limit)

    return note


def application(gate: Gate, limits: list[Deadline]) -> FastAPI:
    """With a route for each way to a thread."""
    app = FastAPI(dependencies=[deadline(3600), Depends(noting(limits))])
    install(app, Database(DatabaseSettings(url="postgresql://user@localhost/database")))

    async def call() -> None:
        await run_in_threadpool(gate.pass_through)

    def opening() -> Iterator[None]:
        gate.pass_through()
        yield

    @app.get("/route")
    def route() -> None:
        gate.pass_through()

    @app.get("/dependency", dependencies=[Depends(gate.pass_through)])
    async def dependency() -> None:
        gate.went_on += 1

    @app.get("/opening", dependencies=[Depends(opening)])
    async def opened() -> None:
        gate.went_on += 1

    @app.get("/called")
    async def called() -> None:
        await call()
        gate.went_on += 1

    @app.get("/task")
    async def in_a_task() -> None:
        await asyncio.create_task(call())
        gate.went_on += 1

    @app.get("/gathered")
    async def gathered() -> None:
        await asyncio.gather(call(), asyncio.Event().wait())

    @app.get("/grouped")
    async def grouped() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(call())

    return app


@asynccontextmanager
async def few_places() -> AsyncIterator[Callable[[], int]]:
    """Leave anyio a few places for threads; yields how many wait for one."""
    limiter = to_thread.current_default_thread_limiter()
    before = limiter.total_tokens
    limiter.total_tokens = PLACES
    yield lambda: limiter.statistics().tasks_waiting
    limiter.total_tokens = before


async def hang_up(base: str, path: str, has_begun: Callable[[], bool]) -> None:
    """Send a request, and close the connection once it has begun."""
    where = urlsplit(base)
    _, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    await until(has_begun)
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_thread_keeps_its_place_when_its_client_hangs_up(
    kind: str, gate: Gate, ended: list[bool]
) -> None:
    async with few_places() as waiting, serve(application(gate, [])) as base:
        for number in range(1, PLACES + 1):
            await hang_up(base, f"/{kind}", gate.has(number))
        await until(lambda: len(ended) == PLACES)
        async with httpx2.AsyncClient(base_url=base, verify=False, timeout=60) as client:
            more = asyncio.gather(*(client.get("/route") for _ in range(PLACES)))
            await until(lambda: waiting() == PLACES)
            gate.open()
            answers = await more

    assert [answer.status_code for answer in answers] == [200] * PLACES
    assert (gate.most, gate.went_on) == (PLACES, 0)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_request_is_answered_at_its_deadline_while_its_thread_keeps_its_place(
    kind: str, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    limits: list[Deadline] = []
    async with (
        few_places() as waiting,
        serve(application(gate, limits)) as base,
        httpx2.AsyncClient(base_url=base, verify=False, timeout=60) as client,
    ):
        asking = [asyncio.create_task(client.get(f"/{kind}")) for _ in range(PLACES)]
        await until(gate.has(PLACES))
        asking.append(asyncio.create_task(client.get(f"/{kind}")))
        await until(lambda: waiting() == 1)
        for limit in limits:
            limit.end(Ending.TIMEOUT)
        answers = await asyncio.gather(*asking)
        left = waiting()
        still = gate.inside
        gate.open()
        await until(gate.has(0))

    assert [answer.status_code for answer in answers] == [504] * (PLACES + 1)
    assert (still, left) == (PLACES, 0)
    assert (gate.most, gate.went_on) == (PLACES, 0)
    said = [record.getMessage() for record in caplog.records]
    assert sum("its thread is still running" in message for message in said) == PLACES
    assert sum("its work was cancelled" in message for message in said) == 1


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("kind", ["waits for its place", "may be abandoned", "in no thread"])
async def test_a_task_that_waits_for_no_thread_of_its_own_ends_at_once(
    kind: str, gate: Gate
) -> None:
    run = to_thread.run_sync
    async with few_places() as waiting:
        holders = [asyncio.create_task(run(gate.pass_through)) for _ in range(PLACES)]
        await until(gate.has(PLACES))
        if kind == "waits for its place":
            task = asyncio.create_task(run(gate.pass_through))
            await until(lambda: waiting() == 1)
        elif kind == "may be abandoned":
            to_thread.current_default_thread_limiter().total_tokens += 1
            task = asyncio.create_task(run(gate.pass_through, abandon_on_cancel=True))
            await until(gate.has(PLACES + 1))
        else:
            task = asyncio.create_task(wait_for_ever())
            await asyncio.sleep(0)

        assert not await_threads(task)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        gate.open()
        await asyncio.gather(*holders)
    assert task.cancelled()
