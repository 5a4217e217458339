"""Every route that writes survives deadlocks and lost connections; the client sees nothing."""

import asyncio
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sabotage import FAULTS, Saboteur
from staged import StagedAccount
from task_api import TaskAPI
from writes import WRITES, Connection, Done, World, done_by, until_somebody_waits

from tests.staging.databases import Databases
from wellhead import Database, Fault

pytestmark = pytest.mark.wellhead(commit=True)

READS = {"get", "head", "options", "trace"}

UNSEEN = [fault for fault in FAULTS if fault != "end of the connection in COMMIT"]
"""After these it is certain that nothing was committed."""

MOST_WRITES = 20


async def undisturbed(app: FastAPI, client: AsyncClient, server: Connection, route: str) -> Done:
    """What a route answers and does when nothing gets in its way."""
    done = await done_by(await World.make(app, client), server, route)
    assert 200 <= done[0][0] < 300, done
    assert any(done[1].values()) or route.startswith(("PUT", "PATCH", "POST /api/auth/refresh"))
    return done


def failures(database: Database) -> int:
    """How many attempts the library saw fail, and either repeated or said to be unknown."""
    stats = database.run_stats()
    return sum(stats.retried.values()) or stats.unknown


def test_every_route_that_writes_is_tested_here(app: FastAPI) -> None:
    writing = {
        f"{method.upper()} {path}"
        for path, operations in app.openapi()["paths"].items()
        for method in operations
        if method not in READS
    }

    assert writing == set(WRITES)


@pytest.mark.parametrize("fault", UNSEEN)
@pytest.mark.parametrize("route", WRITES)
async def test_whichever_write_fails_the_client_sees_nothing_of_it(
    app: FastAPI,
    client: AsyncClient,
    server: Connection,
    database: Database,
    route: str,
    fault: str,
) -> None:
    expected = await undisturbed(app, client, server, route)
    saboteur = await Saboteur.hire(server, fault)

    for number in range(1, MOST_WRITES):
        world = await World.make(app, client)
        failed = failures(database)
        await saboteur.arm(number)
        done = await done_by(world, server, route)
        if not await saboteur.disarm():
            break
        assert done == expected, number
        assert failures(database) == failed + 1

    assert 1 < number < MOST_WRITES


@pytest.mark.parametrize("route", WRITES)
async def test_all_connections_may_have_been_closed_since_the_last_request(
    app: FastAPI, client: AsyncClient, server: Connection, route: str
) -> None:
    expected = await undisturbed(app, client, server, route)
    world = await World.make(app, client)

    ended = await server.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    assert ended > 0
    assert await done_by(world, server, route) == expected


@pytest.fixture
def with_timeout(wellhead_url: str, databases: Databases) -> str:
    """The application's database, on which a deadlock is looked for after one second."""
    name = urlsplit(wellhead_url).path[1:]
    databases.execute(f"ALTER DATABASE \"{name}\" SET deadlock_timeout = '1s'")
    return wellhead_url


@pytest.mark.parametrize(
    "route",
    ["PUT /api/{user_id}/tasks/{task_id}", "PUT /api/{user_id}/tags/{tag_id}/tasks/{task_id}"],
)
@pytest.mark.usefixtures("with_timeout")
async def test_a_real_deadlock_is_not_seen_either(
    app: FastAPI, client: AsyncClient, server: Connection, database: Database, route: str
) -> None:
    expected = await undisturbed(app, client, server, route)
    world = await World.make(app, client)
    # The transaction that began to wait first checks for a deadlock first, and ends itself.
    await server.execute("SET deadlock_timeout = '1min'")
    rival = server.transaction()
    await rival.start()
    await server.execute("SELECT FROM tags FOR UPDATE")

    request = asyncio.create_task(world.send(route))
    await until_somebody_waits(server)
    await server.execute("UPDATE tasks SET updated_at = updated_at")
    await rival.rollback()

    assert (await request).status_code == expected[0][0]
    assert database.run_stats().retried == {Fault.DEADLOCK: 1}


async def test_a_task_is_changed_once_although_its_change_ran_twice(
    client: AsyncClient, account: StagedAccount, server: Connection
) -> None:
    api = TaskAPI(client, account)
    task = await api.task(tags=["work"])
    saboteur = await Saboteur.hire(server, "serialization failure at COMMIT")
    await saboteur.arm(1)

    await api.expect(200, "PATCH", f"/tasks/{task['id']}", json={"title": "Twice"})

    assert await saboteur.disarm()
    assert await server.fetchval("SELECT version FROM tasks") == 2
