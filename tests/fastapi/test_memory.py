"""What a request has used is free once it has ended: nothing of it waits for the collector.

What refers to itself stays until Python looks for it, which takes the longer the more there is.
"""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.types import Message

from wellhead import Database, DatabaseSettings, compiled
from wellhead.fastapi import ReaderDep, RunDep, SessionDep, install
from wellhead.sessions import ExclusiveSession

REQUESTS = 20


class Base(DeclarativeBase):
    """The tables of this module."""


class Note(Base):
    """A row."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


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

    @app.get("/compiled/write")
    async def add() -> Any:
        return await ADD.one(database, text="x")

    @app.get("/refused")
    async def refuse(session: SessionDep) -> None:
        raise HTTPException(404, detail=str(session.in_transaction()))

    return app


@pytest.fixture
async def app(either_url: str) -> AsyncIterator[FastAPI]:
    async with Database(DatabaseSettings(url=either_url)) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
            await connection.execute(insert(Note).values(text="first"))
        yield application(database)


async def ask(app: FastAPI, path: str) -> int:
    """The status of a response, without a client that would leave something, too."""
    statuses = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        statuses.append(message.get("status"))

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "query_string": b"", "root_path": "", "headers": [],
    }  # fmt: skip
    await app(scope, receive, send)
    return statuses[0] or 0


@pytest.mark.parametrize(
    "path", ["/reader", "/session", "/run", "/compiled/read", "/compiled/write", "/refused"]
)
async def test_a_request_leaves_nothing_to_the_collector(app: FastAPI, path: str) -> None:
    statuses = {await ask(app, path) for _ in range(REQUESTS)}
    gc.collect()
    gc.disable()
    try:
        statuses |= {await ask(app, path) for _ in range(REQUESTS)}
        left = gc.collect()
    finally:
        gc.enable()

    assert statuses == {404 if path == "/refused" else 200}
    assert left < REQUESTS
