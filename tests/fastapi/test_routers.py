"""The routes about the database, over a real socket, and what they cost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from fastapi import FastAPI, Request, Response
from starlette.middleware.base import RequestResponseEndpoint

from tests.staging.proxy import TCPProxy
from tests.staging.server import serve
from wellhead import Database, DatabaseSettings
from wellhead.fastapi import install, lifespan

SETTINGS = {"connect_timeout": 1, "connect_retry_count": 1, "pool_size": 2, "max_overflow": 1}


def application(database: Database) -> FastAPI:
    app = FastAPI(title="Doors", version="1.2.3", lifespan=lifespan(database))
    install(app, database)
    return app


@asynccontextmanager
async def served(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    async with (
        serve(application(database)) as base,
        httpx2.AsyncClient(base_url=base) as client,
    ):
        yield client


@pytest.fixture
def database(proxied_url: str) -> Database:
    return Database(DatabaseSettings(url=proxied_url, **SETTINGS))


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(database) as client:
        yield client


@pytest.fixture
def closed_client(database: Database) -> httpx2.AsyncClient:
    """A client of an application whose database is never opened."""
    transport = httpx2.ASGITransport(application(database))
    return httpx2.AsyncClient(transport=transport, base_url="http://test")


@pytest.fixture
def _stale_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wellhead.health.FRESH_FOR", 0.0)
    monkeypatch.setattr("wellhead.health.FAILED_FOR", 0.0)


async def test_health_sends_the_database_nothing(
    client: httpx2.AsyncClient, proxy: TCPProxy
) -> None:
    proxy.reset()
    response = await client.get("/health")

    assert response.status_code == 200
    assert response.json() == {"status": "alive", "app": "Doors", "version": "1.2.3"}
    assert (proxy.connections, proxy.bytes_to_server) == (0, 0)


async def test_health_answers_while_the_database_is_down(
    client: httpx2.AsyncClient, proxy: TCPProxy
) -> None:
    await proxy.refuse()
    await proxy.cut()

    assert (await client.get("/health")).status_code == 200


async def test_health_answers_while_the_database_is_not_open(
    closed_client: httpx2.AsyncClient,
) -> None:
    assert (await closed_client.get("/health")).status_code == 200


async def test_the_databases_health_is_known_from_traffic_and_sends_it_nothing(
    client: httpx2.AsyncClient, proxy: TCPProxy
) -> None:
    proxy.reset()
    response = await client.get("/health/db")

    assert response.status_code == 200
    body = response.json()
    assert isinstance(body.pop("age"), float)
    assert body == {
        "status": "healthy",
        "database": "connected",
        "evidence": "traffic",
        "migrations": None,
    }
    assert (proxy.connections, proxy.bytes_to_server) == (0, 0)


@pytest.mark.usefixtures("_stale_at_once")
async def test_twenty_probes_at_once_cost_one_connection(
    database: Database, proxy: TCPProxy
) -> None:
    app = application(database)
    all_are_in = asyncio.Barrier(21)

    @app.middleware("http")
    async def meet(request: Request, call_next: RequestResponseEndpoint) -> Response:
        await all_are_in.wait()
        return await call_next(request)

    async with serve(app) as base, httpx2.AsyncClient(base_url=base) as client:
        proxy.reset()
        probes = [asyncio.create_task(client.get("/health/db")) for _ in range(20)]
        proxy.stall()
        await all_are_in.wait()
        await asyncio.sleep(0.05)
        proxy.resume()
        answers = await asyncio.gather(*probes)

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["evidence"] for answer in answers} == {"probe"}
    assert proxy.connections == 1


@pytest.mark.usefixtures("_stale_at_once")
async def test_a_server_that_is_down_is_a_problem_until_it_is_back(
    client: httpx2.AsyncClient, proxy: TCPProxy
) -> None:
    await proxy.refuse()
    await proxy.cut()
    down = await client.get("/health/db")
    await proxy.accept()
    up = await client.get("/health/db")

    assert down.status_code == 503
    assert down.headers["content-type"] == "application/problem+json"
    assert down.headers["retry-after"] == "5"
    body = down.json()
    assert isinstance(body.pop("age"), float)
    assert body == {
        "type": "urn:wellhead:unreachable",
        "title": "The database is not available.",
        "status": 503,
        "database": "unavailable",
        "evidence": "probe",
    }
    assert up.status_code == 200


async def test_a_database_that_is_not_open_is_a_problem(closed_client: httpx2.AsyncClient) -> None:
    response = await closed_client.get("/health/db")

    assert response.status_code == 503
    assert response.json()["type"] == "urn:wellhead:not_open"


@pytest.mark.usefixtures("_stale_at_once")
async def test_a_pool_with_no_connection_left_keeps_no_answer_back(
    client: httpx2.AsyncClient, database: Database
) -> None:
    async with database.session() as one, database.session() as two, database.session() as three:
        for session in (one, two, three):
            await session.connection()
        health, status = await client.get("/health/db"), await client.get("/db/pool-status")

    assert health.status_code == 200
    assert status.json() == {
        "mode": "pool",
        "reason": "The URL leads straight to the server.",
        "pool_size": 2,
        "checked_in": 0,
        "checked_out": 3,
        "overflow": 1,
        "total": 3,
        "utilization": 150.0,
    }


async def test_the_pools_figures_cost_no_query(client: httpx2.AsyncClient, proxy: TCPProxy) -> None:
    proxy.reset()
    status = (await client.get("/db/pool-status")).json()

    assert (status["checked_in"], status["checked_out"], status["total"]) == (1, 0, 1)
    assert proxy.bytes_to_server == 0


async def test_a_closed_database_has_figures_too(closed_client: httpx2.AsyncClient) -> None:
    status = (await closed_client.get("/db/pool-status")).json()

    assert (status["pool_size"], status["total"], status["utilization"]) == (2, 0, 0.0)


async def test_without_a_pool_there_are_figures_too(proxied_url: str) -> None:
    database = Database(DatabaseSettings(url=proxied_url, pool_mode="none"))
    async with served(database) as client, database.session() as session:
        await session.connection()
        status = (await client.get("/db/pool-status")).json()

    assert status.pop("reason") == "DATABASE_POOL_MODE=none opens a connection for each use."
    assert status == {
        "mode": "none",
        "pool_size": 0,
        "checked_in": 0,
        "checked_out": 1,
        "overflow": 0,
        "total": 1,
        "utilization": 0.0,
    }


async def test_a_database_in_memory_has_figures_and_health_too() -> None:
    database = Database(DatabaseSettings(url="sqlite+aiosqlite://"))
    async with served(database) as client:
        status = (await client.get("/db/pool-status")).json()
        health = await client.get("/health/db")

    assert (status["mode"], status["pool_size"], status["overflow"]) == ("static", 1, 0)
    assert health.status_code == 200
