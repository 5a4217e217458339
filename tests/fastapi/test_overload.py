"""More clients than the pool can serve, over a real socket and a real server: counts, not times."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from tests.staging.patience import until
from tests.staging.server import serve
from wellhead import Database, DatabaseSettings
from wellhead.fastapi import ReaderDep, install, lifespan

SIZE, QUEUE, CLIENTS = 2, 4, 20
TURN = 4711

WAITING_FOR_THEIR_TURN = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event = 'advisory'
"""


class Gate:
    """What the requests of a test wait for in the database, each on its connection."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def close(self) -> None:
        """Let no request pass."""
        await self._connection.execute(f"SELECT pg_advisory_lock({TURN})")

    async def open(self) -> None:
        """Let everybody pass."""
        await self._connection.execute(f"SELECT pg_advisory_unlock({TURN})")

    async def has(self, callers: int) -> None:
        """Wait until so many wait in the database."""

        async def so_many_wait() -> bool:
            return bool(await self._connection.fetchval(WAITING_FOR_THEIR_TURN) == callers)

        await until(so_many_wait)


@pytest.fixture
async def gate(database_url: str) -> AsyncIterator[Gate]:
    connection = await asyncpg.connect(database_url)
    gate = Gate(connection)
    await gate.close()
    yield gate
    await connection.close()


def database_of(url: str, *, pool_timeout: float = 30) -> Database:
    settings = DatabaseSettings(
        url=url,
        pool_size=SIZE,
        max_overflow=0,
        pool_max_waiting=QUEUE,
        connect_timeout=3,
        pool_timeout=pool_timeout,
    )
    return Database(settings)


def application(database: Database) -> FastAPI:
    app = FastAPI(lifespan=lifespan(database))
    install(app, database)

    @app.get("/")
    async def pass_the_gate(reader: ReaderDep) -> None:
        await reader.exec(text(f"SELECT pg_advisory_xact_lock_shared({TURN})"))

    return app


async def test_whom_the_queue_cannot_take_is_refused_while_the_others_still_wait(
    database_url: str, gate: Gate
) -> None:
    database = database_of(database_url)
    async with (
        serve(application(database)) as base,
        httpx2.AsyncClient(base_url=base, verify=False) as client,
    ):
        requests = [asyncio.create_task(client.get("/")) for _ in range(CLIENTS)]
        await until(lambda: sum(each.done() for each in requests) == CLIENTS - SIZE - QUEUE)
        refused = [each.result() for each in requests if each.done()]
        # No request has passed the gate yet, so none was waited for.
        await gate.has(SIZE)
        stats = database.stats()
        await gate.open()
        answers = await asyncio.gather(*requests)
        # What text set is taken back after the response.
        await until(lambda: not database.stats().active)
        after = database.stats()

    assert {answer.status_code for answer in refused} == {503}
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert {answer.json()["type"] for answer in refused} == {"urn:wellhead:saturated"}
    assert (stats.total, stats.waiting) == (SIZE, QUEUE)
    assert Counter(answer.status_code for answer in answers) == {
        200: SIZE + QUEUE,
        503: CLIENTS - SIZE - QUEUE,
    }
    assert (after.active, after.waiting, after.opened) == (0, 0, SIZE)


async def test_nobody_waits_longer_than_the_acquire_deadline(database_url: str, gate: Gate) -> None:
    database = database_of(database_url, pool_timeout=3.1)
    async with (
        serve(application(database)) as base,
        httpx2.AsyncClient(base_url=base, verify=False) as client,
    ):
        requests = [asyncio.create_task(client.get("/")) for _ in range(SIZE + QUEUE)]
        await until(lambda: sum(each.done() for each in requests) == QUEUE)
        given_up = [each.result() for each in requests if each.done()]
        # The gate is still closed: not the connections, but their time has come.
        timeouts = database.stats().timeouts
        await gate.open()
        answers = await asyncio.gather(*requests)

    assert timeouts == QUEUE
    assert {answer.status_code for answer in given_up} == {503}
    assert {answer.headers["retry-after"] for answer in given_up} == {"1"}
    assert Counter(answer.status_code for answer in answers) == {200: SIZE, 503: QUEUE}


async def test_ten_times_the_clients_that_obey_are_all_served_in_the_end(
    database_url: str, gate: Gate
) -> None:
    """Each asks again after `Retry-After`, here without waiting: the counts are the same."""
    database = database_of(database_url)
    await gate.open()
    async with (
        serve(application(database)) as base,
        httpx2.AsyncClient(base_url=base, verify=False) as client,
    ):

        async def ask_until_served() -> int:
            refusals = 0
            while (await client.get("/")).status_code == 503:
                refusals += 1
                await asyncio.sleep(0.01)
            return refusals

        refusals = await asyncio.gather(*(ask_until_served() for _ in range(10 * SIZE)))
        stats = database.stats()

    assert stats.saturated == sum(refusals)
    assert (stats.timeouts, stats.opened) == (0, SIZE)
