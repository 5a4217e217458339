"""Sessions and readers in routes, over a real socket."""

from collections.abc import AsyncIterator
from typing import Annotated, cast, get_args

import httpx2
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.exceptions import FastAPIError
from sqlalchemy import ForeignKeyConstraint, insert, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from tests.staging.server import serve
from wellhead import Database, DatabaseSettings, NotOpenError
from wellhead.fastapi import ReaderDep, RunDep, SessionDep, install, lifespan
from wellhead.pool.holders import current_route
from wellhead.testing.proxy import COMMIT, TCPProxy


class Table(SQLModel, registry=registry()):
    """The tables of this file, apart from every other's."""


class Parent(Table, table=True):
    """What a child refers to."""

    id: int = Field(primary_key=True)


class Child(Table, table=True):
    """A row whose constraint is checked at COMMIT, which is where a lost write hides."""

    __table_args__ = (
        ForeignKeyConstraint(["parent_id"], ["parent.id"], deferrable=True, initially="DEFERRED"),
    )

    id: int = Field(primary_key=True)
    parent_id: int


SHIPPED = get_args(SessionDep)[1]


@pytest.fixture
async def database(database_url: str) -> Database:
    database = Database(DatabaseSettings(url=database_url))
    async with database, database.engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    return database


def application(database: Database, dependency: object) -> FastAPI:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)
    _add_units_of_work(app)

    @app.post("/children/{parent_id}", status_code=201)
    async def create(
        parent_id: int, session: Annotated[AsyncSession, dependency]
    ) -> dict[str, int]:
        session.add(Child(id=1, parent_id=parent_id))
        return {"id": 1}

    @app.post("/parents", status_code=201)
    async def create_parent(session: SessionDep) -> None:
        session.add(Parent(id=1))

    @app.post("/parents/refused")
    async def refuse(session: SessionDep) -> None:
        session.add(Parent(id=2))
        await session.flush()
        raise HTTPException(409)

    @app.post("/parents/by-reader")
    async def write_through_a_reader(reader: ReaderDep) -> None:
        # A type checker refuses it; here it is the reader that must.
        await reader.exec(cast("SelectOfScalar[int]", insert(Parent).values(id=3)))

    @app.get("/parents")
    async def list_parents(reader: ReaderDep) -> list[int]:
        return list((await reader.exec(select(Parent.id))).all())

    @app.get("/children")
    async def count(reader: ReaderDep) -> int:
        return len((await reader.exec(select(Child))).all())

    return app


def _add_units_of_work(app: FastAPI) -> None:
    @app.post("/parents/{parent_id}/run", status_code=201)
    async def create_by_run(parent_id: int, run: RunDep) -> int:
        attempts = 0

        async def work(session: AsyncSession) -> int:
            nonlocal attempts
            attempts += 1
            session.add(Parent(id=parent_id))
            await session.flush()
            if attempts == 1:
                await session.scalar(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            return attempts

        return await run(work)

    @app.post("/children/{parent_id}/run", status_code=201)
    async def create_child_by_run(parent_id: int, run: RunDep) -> None:
        async def work(session: AsyncSession) -> None:
            session.add(Child(id=1, parent_id=parent_id))

        await run(work)

    @app.put("/parents/7")
    async def put_parent(run: RunDep) -> None:
        async def work(session: AsyncSession) -> None:
            await session.merge(Parent(id=7))

        await run(work, is_repeatable=True)

    @app.post("/parents/closed", status_code=201)
    async def create_and_close(session: SessionDep) -> None:
        session.add(Parent(id=8))
        await session.commit()
        await session.close()


async def test_a_commit_that_fails_never_answers_2xx(database: Database) -> None:
    async with (
        serve(application(database, SHIPPED)) as base,
        httpx2.AsyncClient(verify=False) as client,
    ):
        refused = await client.post(f"{base}/children/404")
        rows = await client.get(f"{base}/children")

    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"
    assert rows.json() == 0


async def test_what_a_route_wrote_is_there_when_its_answer_comes(database: Database) -> None:
    async with (
        serve(application(database, SHIPPED)) as base,
        httpx2.AsyncClient(verify=False) as client,
    ):
        created = await client.post(f"{base}/parents")
        rows = await client.get(f"{base}/parents")

    assert created.status_code == 201
    assert rows.json() == [1]


async def test_what_a_route_wrote_before_it_refused_is_rolled_back(database: Database) -> None:
    async with (
        serve(application(database, SHIPPED)) as base,
        httpx2.AsyncClient(verify=False) as client,
    ):
        refused = await client.post(f"{base}/parents/refused")
        rows = await client.get(f"{base}/parents")

    assert refused.status_code == 409
    assert rows.json() == []


async def test_a_write_through_a_reader_is_a_mistake_and_writes_nothing(
    database: Database,
) -> None:
    async with (
        serve(application(database, SHIPPED)) as base,
        httpx2.AsyncClient(verify=False) as client,
    ):
        refused = await client.post(f"{base}/parents/by-reader")
        rows = await client.get(f"{base}/parents")

    assert refused.status_code == 500
    assert refused.json()["type"] == "urn:wellhead:programming"
    assert rows.json() == []


async def test_every_connection_is_back_when_the_answers_are_there(database: Database) -> None:
    async with (
        serve(application(database, SHIPPED)) as base,
        httpx2.AsyncClient(verify=False) as client,
    ):
        for path in ("parents", "parents/refused", "parents/by-reader", "children/404"):
            await client.post(f"{base}/{path}")
        await client.get(f"{base}/parents")

        assert database.stats().checked_out == 0


async def test_an_application_without_a_database_says_so() -> None:
    app = FastAPI()

    @app.get("/")
    async def read(reader: ReaderDep) -> None:
        del reader

    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        with pytest.raises(NotOpenError, match=r"wellhead\.fastapi\.install"):
            await client.get("/")


async def test_the_pool_knows_which_route_held_its_connections(database: Database) -> None:
    async with (
        serve(application(database, SHIPPED)) as base,
        httpx2.AsyncClient(verify=False) as client,
    ):
        for number in (1, 2):
            await client.post(f"{base}/children/{number}")
        routes = database.stats().routes

    assert routes["POST /children/{parent_id}"].count == 2


async def test_a_unit_of_work_survives_a_lost_connection_without_the_client_noticing(
    database: Database,
) -> None:
    async with (
        serve(application(database, SHIPPED)) as base,
        httpx2.AsyncClient(verify=False) as client,
    ):
        created = await client.post(f"{base}/parents/5/run")
        parents = await client.get(f"{base}/parents")
        routes = database.stats().routes

    assert (created.status_code, created.json()) == (201, 2)
    assert parents.json() == [5]
    assert routes["POST /parents/{parent_id}/run"].count == 2


async def test_a_unit_of_work_is_committed_before_the_answer_is_sent(database: Database) -> None:
    async with (
        serve(application(database, SHIPPED)) as base,
        httpx2.AsyncClient(verify=False) as client,
    ):
        refused = await client.post(f"{base}/children/404/run")
        rows = await client.get(f"{base}/children")

    assert refused.status_code == 409
    assert rows.json() == 0


@pytest.fixture
def proxied(database: Database, proxied_url: str) -> Database:
    """The database through the proxy."""
    assert not database.is_open
    return Database(DatabaseSettings(url=proxied_url))


@pytest.mark.parametrize("path", ["/parents", "/children/1/run"])
async def test_a_write_whose_commit_is_not_answered_does_not_invite_the_client_to_repeat_it(
    proxied: Database, proxy: TCPProxy, path: str
) -> None:
    async with (
        serve(application(proxied, SHIPPED)) as base,
        httpx2.AsyncClient(verify=False) as client,
    ):
        proxy.break_at(COMMIT, passes=False)
        answer = await client.post(f"{base}{path}")

    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:wellhead:outcome_unknown"
    assert answer.json()["title"] == (
        "It is not known whether this was done: check before you send it again."
    )
    assert "retry-after" not in answer.headers


async def test_a_write_that_may_be_repeated_is_done_although_its_commit_is_not_answered(
    proxied: Database, proxy: TCPProxy
) -> None:
    async with (
        serve(application(proxied, SHIPPED)) as base,
        httpx2.AsyncClient(verify=False) as client,
    ):
        proxy.break_at(COMMIT, passes=True)
        answer = await client.put(f"{base}/parents/7")
        parents = await client.get(f"{base}/parents")

    assert answer.status_code == 200
    assert parents.json() == [7]


async def test_a_route_that_commits_and_closes_its_session_is_answered_as_it_wants(
    database: Database,
) -> None:
    async with (
        serve(application(database, SHIPPED)) as base,
        httpx2.AsyncClient(verify=False) as client,
    ):
        answer = await client.post(f"{base}/parents/closed")
        parents = await client.get(f"{base}/parents")

    assert answer.status_code == 201
    assert parents.json() == [8]


async def test_a_reader_and_its_route_end_before_the_response(database: Database) -> None:
    app, told = FastAPI(), []
    install(app, database)

    async def after() -> None:
        told.append((current_route.get(), database.stats().checked_out))

    @app.get("/")
    async def read(reader: ReaderDep, tasks: BackgroundTasks) -> int:
        tasks.add_task(after)
        found = len((await reader.exec(select(Parent))).all())
        told.append((current_route.get(), database.stats().checked_out))
        return found

    async with database:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            await client.get("/")

    assert told == [("GET /", 1), (None, 0)]


async def test_a_reader_ends_where_its_route_fails(database: Database) -> None:
    app = FastAPI()
    install(app, database)

    @app.get("/")
    async def read(reader: ReaderDep) -> None:
        await reader.exec(select(Parent))
        raise HTTPException(418)

    async with database:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            response = await client.get("/")

        assert (response.status_code, database.stats().checked_out) == (418, 0)


def test_a_dependency_that_outlives_its_reader_is_refused() -> None:
    app = FastAPI()

    async def longer(reader: ReaderDep) -> AsyncIterator[object]:
        yield reader

    with pytest.raises(FastAPIError, match="scope"):

        @app.get("/")
        async def read(reader: Annotated[object, Depends(longer)]) -> None:
            del reader
