"""The probes, over a real socket, and what they cost."""

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import httpx2
import pytest
from fastapi import Request, Response
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import select
from starlette.middleware.base import RequestResponseEndpoint

from tests.staging.doors import SETTINGS, application, served
from tests.staging.patience import until
from tests.staging.server import serve
from wellhead import Database, DatabaseSettings, SchemaState
from wellhead.fastapi import ReaderDep
from wellhead.testing.proxy import TCPProxy


@pytest.mark.parametrize("path", ["/health", "/health/live"])
async def test_health_sends_the_database_nothing(
    client: httpx2.AsyncClient, proxy: TCPProxy, path: str
) -> None:
    proxy.reset()
    response = await client.get(path)

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

    async with serve(app) as base, httpx2.AsyncClient(base_url=base, verify=False) as client:
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
        "reason": "The URL leads directly to the server.",
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


class Schema:
    """A schema that is behind until a test says otherwise; counts how often it was read."""

    command = "migrate"

    def __init__(self) -> None:
        self.is_behind = True
        self.read = 0

    async def read_state(self, connection: AsyncConnection) -> SchemaState:
        del connection
        self.read += 1
        if self.is_behind:
            return SchemaState("behind", (), "0001", ("0001",))
        return SchemaState("at_head", ("0001",), "0001")


async def statuses(client: httpx2.AsyncClient) -> dict[str, int]:
    """What every probe answers."""
    names = ("live", "startup", "ready", "db")
    return {name: (await client.get(f"/health/{name}")).status_code for name in names}


async def test_every_probe_is_content_with_a_database_that_is_well(
    client: httpx2.AsyncClient, proxy: TCPProxy
) -> None:
    proxy.reset()

    assert await statuses(client) == {"live": 200, "startup": 200, "ready": 200, "db": 200}
    assert (await client.get("/health/startup")).json() == {"status": "started"}
    ready = (await client.get("/health/ready")).json()
    assert ready == {"status": "ready", "database": "connected"}
    assert (proxy.connections, proxy.bytes_to_server) == (0, 0)


async def test_a_schema_that_is_behind_keeps_the_process_from_starting_until_it_is_not(
    proxied_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wellhead.health.schema.ASK_AGAIN_AFTER", 0.0)
    schema = Schema()
    database = Database(DatabaseSettings(url=proxied_url, **SETTINGS), migrations=schema)
    async with served(database) as client:
        before = await statuses(client)
        answers = [(await client.get(f"/health/{name}")).json() for name in ("startup", "ready")]
        schema.is_behind = False
        after = await statuses(client)
        read = schema.read
        await statuses(client)

    assert before == {"live": 200, "startup": 503, "ready": 503, "db": 503}
    assert {answer["type"] for answer in answers} == {"urn:wellhead:schema_behind"}
    assert after == {"live": 200, "startup": 200, "ready": 200, "db": 200}
    assert schema.read == read


@pytest.mark.usefixtures("_stale_at_once")
async def test_a_database_that_goes_away_turns_readiness_off_and_leaves_it_started(
    client: httpx2.AsyncClient, proxy: TCPProxy
) -> None:
    await proxy.refuse()
    await proxy.cut()
    down = await statuses(client)
    why = (await client.get("/health/ready")).json()
    await proxy.accept()

    assert down == {"live": 200, "startup": 200, "ready": 503, "db": 503}
    assert (why["type"], why["database"]) == ("urn:wellhead:unreachable", "unavailable")
    assert (await statuses(client))["ready"] == 200


async def test_a_saturated_pool_is_named_and_still_gets_requests(
    proxied_url: str, proxy: TCPProxy
) -> None:
    database = Database(DatabaseSettings(url=proxied_url, **SETTINGS, pool_max_waiting=0))
    async with served(database) as client, AsyncExitStack() as stack:
        for _ in range(3):
            session = await stack.enter_async_context(database.session())
            await session.connection()
        proxy.reset()
        answers = await statuses(client)
        ready, db = await client.get("/health/ready"), await client.get("/health/db")

        assert answers == {"live": 200, "startup": 200, "ready": 200, "db": 503}
        assert ready.json()["database"] == "saturated"
        assert db.json()["type"] == "urn:wellhead:saturated"
        assert (proxy.connections, proxy.bytes_to_server) == (0, 0)


async def test_a_server_that_takes_no_changes_is_named_and_still_gets_reads(
    client: httpx2.AsyncClient, database: Database, database_url: str
) -> None:
    name = database_url.rpartition("/")[2]
    connection = await asyncpg.connect(database_url)
    await connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await connection.close()
    async with database.engine.connect() as session:
        await session.execute(text("SET TRANSACTION READ ONLY"))
        with pytest.raises(DBAPIError):
            await session.execute(text("CREATE TABLE note (id int)"))
        await session.rollback()
    answers = await statuses(client)
    db = await client.get("/health/db")

    assert answers == {"live": 200, "startup": 200, "ready": 200, "db": 503}
    assert db.json()["type"] == "urn:wellhead:read_only_server"


async def test_a_draining_process_is_not_ready_and_asks_nothing(
    client: httpx2.AsyncClient, database: Database, proxy: TCPProxy
) -> None:
    database.drain()
    proxy.reset()
    answers = await statuses(client)
    why = (await client.get("/health/ready")).json()

    assert answers == {"live": 200, "startup": 200, "ready": 503, "db": 200}
    assert (why["type"], why["title"]) == ("urn:wellhead:draining", "The server is shutting down.")
    assert (proxy.connections, proxy.bytes_to_server) == (0, 0)


async def test_a_process_that_started_without_its_database_names_what_it_waits_for(
    proxied_url: str, proxy: TCPProxy
) -> None:
    settings = {**SETTINGS, "start_degraded": True, "connect_retry_delay": 0.01}
    database = Database(DatabaseSettings(url=proxied_url, **settings))
    app = application(database)

    @app.get("/data")
    async def data(reader: ReaderDep) -> int:
        return (await reader.exec(select(1))).one()

    await proxy.refuse()
    async with serve(app) as base, httpx2.AsyncClient(base_url=base, verify=False) as client:
        down = await statuses(client)
        types = [
            (await client.get(f"/health/{name}")).json()["type"]
            for name in ("startup", "ready", "db")
        ]
        refused = await client.get("/data")
        await proxy.accept()
        await until(lambda: database.is_open)
        up = await statuses(client)
        answered = await client.get("/data")

    assert down == {"live": 200, "startup": 503, "ready": 503, "db": 503}
    assert set(types) == {"urn:wellhead:unreachable"}
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert up == {"live": 200, "startup": 200, "ready": 200, "db": 200}
    assert answered.json() == 1
