"""What a request costs, in counts: round trips, tasks and threads, and what it leaves behind.

What refers to itself stays until Python looks for it, which takes the longer the more there is.
"""

import asyncio
import gc
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator
from types import FrameType
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.staging.in_process import ask
from wellhead import Database, DatabaseSettings, compiled
from wellhead.fastapi import ReaderDep, RunDep, SessionDep, install
from wellhead.pool import stats
from wellhead.sessions import ExclusiveSession
from wellhead.testing.proxy import TCPProxy

REQUESTS, ATTEMPTS = 20, 10


class Base(DeclarativeBase):
    """The tables of this module."""


class Note(Base):
    """A row."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class New(BaseModel):
    """What a client sends."""

    text: str


FIND = compiled(select(Note).where(Note.id == bindparam("id")))
ADD = compiled(insert(Note).values(text=bindparam("text")).returning(Note.id))


def application(database: Database) -> FastAPI:
    app = FastAPI()
    install(app, database)

    @app.get("/reader")
    async def read(reader: ReaderDep) -> str:
        return (await reader.scalars(select(Note))).first().text  # type: ignore[union-attr]

    @app.get("/session")
    async def write(session: SessionDep) -> int:
        session.add(note := Note(text="x"))
        await session.flush()
        return note.id

    @app.get("/run")
    async def work(run: RunDep) -> int:
        async def add(session: ExclusiveSession) -> int:
            session.add(note := Note(text="x"))
            await session.flush()
            return note.id

        return await run(add)

    @app.get("/compiled/read")
    async def find() -> str:
        return str((await FIND.one(database, id=1)).text)

    @app.post("/compiled/write")
    async def add(new: New) -> Any:
        return await ADD.one(database, text=new.text)

    @app.get("/refused")
    async def refuse(session: SessionDep) -> None:
        raise HTTPException(404, detail=str(session.in_transaction()))

    return app


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts a request on a busy machine as one that is answered at once."""
    monkeypatch.setattr("wellhead.fastapi.listening.LISTEN_AFTER", 3600.0)


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
async def app(request: pytest.FixtureRequest, proxied_url: str) -> AsyncIterator[FastAPI]:
    url = proxied_url.replace("postgresql", request.param, 1)
    async with Database(DatabaseSettings(url=url)) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
            await connection.execute(insert(Note).values(text="first"))
        yield application(database)


ROUND_TRIPS = {
    "/reader": 1, "/session": 3, "/run": 3, "/compiled/read": 1, "/compiled/write": 1,
}  # fmt: skip

BODIES = {"/compiled/write": b'{"text": "x"}'}


@pytest.mark.parametrize("path", ROUND_TRIPS)
async def test_its_round_trips_are_few(app: FastAPI, proxy: TCPProxy, path: str) -> None:
    for _ in range(REQUESTS):
        await ask(app, path, BODIES.get(path))
    proxy.reset()
    for _ in range(REQUESTS):
        await ask(app, path, BODIES.get(path))

    assert proxy.round_trips == ROUND_TRIPS[path] * REQUESTS


@pytest.mark.parametrize("path", ROUND_TRIPS)
async def test_it_takes_no_task_and_no_thread(app: FastAPI, path: str) -> None:
    loop, tasks = asyncio.get_running_loop(), list[Any]()

    def note(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        tasks.append(work)
        return asyncio.Task(work, loop=loop, **options)

    await ask(app, path, BODIES.get(path))
    threads = threading.active_count()
    loop.set_task_factory(note)
    try:
        status = await ask(app, path, BODIES.get(path))
    finally:
        loop.set_task_factory(None)

    assert (status, tasks, threading.active_count()) == (200, [], threads)


@pytest.mark.parametrize("path", ["/reader", "/session"])
async def test_the_figures_of_the_pool_take_few_of_its_calls(app: FastAPI, path: str) -> None:
    calls = Counter[str]()

    def note(frame: FrameType, event: str, argument: object) -> None:
        del argument
        calls[frame.f_code.co_filename] += event == "call"

    await ask(app, path)
    sys.setprofile(note)
    try:
        for _ in range(REQUESTS):
            await ask(app, path)
    finally:
        sys.setprofile(None)

    assert 0 < calls[stats.__file__] < 0.03 * calls.total()


@pytest.mark.parametrize("listened_to", [False, True])
@pytest.mark.parametrize("path", [*ROUND_TRIPS, "/refused"])
async def test_it_leaves_nothing_to_the_collector(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, path: str, *, listened_to: bool
) -> None:
    if listened_to:
        monkeypatch.setattr("wellhead.fastapi.listening.LISTEN_AFTER", 0.0)

    async def ask_some() -> set[int]:
        return {await ask(app, path, BODIES.get(path)) for _ in range(REQUESTS)}

    statuses = await ask_some()
    left: list[int] = []
    gc.collect()
    gc.disable()
    try:
        # Other threads of the suite leave something now and then.
        while not left or (left[-1] >= REQUESTS and len(left) < ATTEMPTS):
            statuses |= await ask_some()
            left.append(gc.collect())
    finally:
        gc.enable()

    assert statuses == {404 if path == "/refused" else 200}
    assert min(left) < REQUESTS
