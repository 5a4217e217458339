"""Routes that commit by themselves: what it costs, counted, and what stays when they fail then."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI, HTTPException
from sqlalchemy import func
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, col, select

from wellhead import Database, DatabaseSettings
from wellhead.fastapi import SessionDep, install, lifespan
from wellhead.testing.proxy import TCPProxy


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Parcel(Table, table=True):
    """A row that is written in parts."""

    id: int | None = Field(default=None, primary_key=True)
    state: str = "new"
    note: str | None = Field(default=None, unique=True)


def application(database: Database) -> FastAPI:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)

    @app.post("/at-the-end")
    async def at_the_end(session: SessionDep) -> Parcel:
        session.add(parcel := Parcel())
        return parcel

    @app.post("/by-itself")
    async def by_itself(session: SessionDep) -> Parcel:
        session.add(parcel := Parcel())
        await session.commit()
        return parcel

    @app.post("/then-write")
    async def then_write(session: SessionDep) -> Parcel:
        session.add(parcel := Parcel())
        await session.commit()
        parcel.state = "sent"
        return parcel

    @app.post("/then-read")
    async def then_read(session: SessionDep) -> int:
        session.add(Parcel())
        await session.commit()
        return (await session.exec(select(func.count(col(Parcel.id))))).one()

    @app.post("/then-refresh")
    async def then_refresh(session: SessionDep) -> Parcel:
        session.add(parcel := Parcel())
        await session.commit()
        await session.refresh(parcel)
        return parcel

    @app.post("/then-refuse")
    async def then_refuse(session: SessionDep) -> None:
        session.add(parcel := Parcel())
        await session.commit()
        parcel.state = "sent"
        await session.flush()
        raise HTTPException(409)

    @app.post("/then-conflict")
    async def then_conflict(session: SessionDep) -> None:
        session.add(Parcel(note="one"))
        await session.commit()
        session.add(Parcel(note="one"))

    return app


@pytest.fixture
async def database(either_url: str) -> AsyncIterator[Database]:
    async with Database(DatabaseSettings(url=either_url, pool_size=1, max_overflow=0)) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Table.metadata.create_all)
        yield database


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(application(database))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def states(database: Database) -> list[str]:
    async with database.reader() as reader:
        return list((await reader.exec(select(Parcel.state))).all())


@pytest.mark.parametrize(
    ("path", "round_trips"),
    [
        ("/at-the-end", 3),
        ("/by-itself", 3),
        ("/then-write", 6),
        ("/then-read", 6),
        ("/then-refresh", 6),
    ],
)
async def test_a_commit_in_a_route_costs_what_the_next_transaction_costs(
    path: str, round_trips: int, client: httpx2.AsyncClient, proxy: TCPProxy
) -> None:
    for _ in range(8):
        proxy.reset()
        response = await client.post(path)

    assert response.status_code == 200
    assert proxy.round_trips == round_trips


async def test_what_was_committed_stays_when_the_route_raises_then(
    client: httpx2.AsyncClient, database: Database
) -> None:
    assert (await client.post("/then-refuse")).status_code == 409
    assert await states(database) == ["new"]


async def test_a_failure_of_the_database_after_a_commit_says_that_something_is_there(
    client: httpx2.AsyncClient, database: Database
) -> None:
    response = await client.post("/then-conflict")

    assert response.status_code == 409
    assert response.json()["commits"] == 1
    assert await states(database) == ["new"]
