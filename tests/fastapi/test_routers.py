"""The route about the pool, over a real socket, and what it costs."""

import httpx2

from tests.staging.doors import served
from tests.staging.proxy import TCPProxy
from wellhead import Database, DatabaseSettings


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
