"""What becomes of a key when the server, the network or the application fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sabotage import FAULTS, Saboteur
from writes import (
    KEYED,
    SAME_TAG,
    Connection,
    World,
    but_for_hits,
    done_by,
    headers_for,
    rows_of,
    until_somebody_waits,
)

from tests.staging.patience import until
from todo.idempotency import service
from wellhead import Database
from wellhead.testing.proxy import TCPProxy

pytestmark = pytest.mark.wellhead(commit=True)

KEY = {"Idempotency-Key": "once"}
MOST = 20
TASKS = "POST /api/{user_id}/tasks"
HAS_LOOKED = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND state = 'idle' AND query LIKE '%pg_try_advisory_xact_lock%'
    AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)
"""


@pytest.fixture
def database(proxied_database: Database) -> Database:
    return proxied_database


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("route", KEYED)
async def test_whatever_the_server_does_a_keyed_request_is_done_once(
    app: FastAPI, client: AsyncClient, server: Connection, route: str, fault: str
) -> None:
    expected = but_for_hits(
        await done_by(await World.make(app, client), server, route, **headers_for(route))
    )
    saboteur = await Saboteur.hire(server, fault)

    for number in range(1, MOST):
        world = await World.make(app, client)
        await saboteur.arm(number)
        done = await done_by(world, server, route, **headers_for(route, number))
        if not await saboteur.disarm():
            break
        assert but_for_hits(done) == expected, number

    assert 1 < number < MOST


@asynccontextmanager
async def first_run_held(
    world: World, server: Connection, proxy: TCPProxy
) -> AsyncIterator[asyncio.Task[Response]]:
    """A keyed request whose statement still runs on the server when its connection is lost."""
    hold = server.transaction()
    await hold.start()
    await server.execute(SAME_TAG, world.account.id)
    request = asyncio.create_task(world.send(TASKS, **KEY))
    await until_somebody_waits(server)
    # The server does not look whether the client is there while it waits for a lock.
    await proxy.reset_connections()
    yield request
    await hold.rollback()


async def test_a_first_run_that_the_server_still_holds_is_waited_for(
    app: FastAPI,
    client: AsyncClient,
    server: Connection,
    proxy: TCPProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "LOOKS", 10_000)
    monkeypatch.setattr(service, "PAUSE", 0.01)
    world = await World.make(app, client)

    async with first_run_held(world, server, proxy) as request:
        while not request.done() and not await server.fetchval(HAS_LOOKED):
            # In a transaction the server would show what it has shown before.
            await server.execute("SELECT pg_stat_clear_snapshot()")
            await asyncio.wait([request], timeout=0.01)

    answer = await request
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers
    assert await server.fetchval("SELECT count(*) FROM idempotency_keys") == 1


async def test_a_first_run_that_the_server_holds_for_too_long_is_in_use(
    app: FastAPI,
    client: AsyncClient,
    server: Connection,
    proxy: TCPProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "PAUSE", 0.001)
    world = await World.make(app, client)

    async with first_run_held(world, server, proxy) as request:
        answer = await request

    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:todo:idempotency-key-in-use"
    await until(lambda: server.fetchval("SELECT count(*) > 0 FROM idempotency_keys"))
    again = await world.send(TASKS, **KEY)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")


async def taken_out(server: Connection, table: str) -> list[tuple[object, ...]]:
    """The rows of a table, which are deleted."""
    rows = await server.fetch(f"DELETE FROM {table} RETURNING *")  # noqa: S608 - named in the test
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("route", KEYED)
async def test_who_does_not_see_a_key_that_is_there_does_nothing(
    app: FastAPI, client: AsyncClient, server: Connection, route: str
) -> None:
    """As when the first is committed between the snapshot of the second and its look at the key."""
    world = await World.make(app, client)
    first = await world.send(route, **KEY)
    # A second tag of that name would be refused for its name.
    made = {table: await taken_out(server, table) for table in ("idempotency_keys", "tags")}
    rival = server.transaction()
    await rival.start()
    for table, rows in made.items():
        await server.copy_records_to_table(table, records=rows)
    before = await rows_of(server)

    request = asyncio.create_task(world.send(route, **KEY))
    await until_somebody_waits(server)
    await rival.commit()

    answer = await request
    after = await rows_of(server)
    if route == KEYED[0]:
        # Each registers another address, which makes it another request.
        assert answer.json()["type"] == "urn:todo:idempotency-key-reused"
    else:
        assert (answer.status_code, answer.content) == (first.status_code, first.content)
        assert answer.headers["Idempotency-Replayed"] == "true"
    assert {**after, "hits": 0} == {**before, "hits": 0}


def test_neither_the_key_nor_the_request_can_be_read_from_what_stands_for_them() -> None:
    idempotency = service.Idempotency(b"secret", timedelta(hours=1))
    submission = idempotency.submission(scope="me", key="my key", request="my request")

    assert len(submission.id) == len(submission.fingerprint) == 32
    assert "secret" not in repr(idempotency)


def test_a_fingerprint_cannot_be_guessed_without_the_secret() -> None:
    submissions = [
        service.Idempotency(secret, timedelta(hours=1)).submission(
            scope="me", key="my key", request="my request"
        )
        for secret in (b"one", b"two")
    ]

    assert submissions[0].id == submissions[1].id
    assert submissions[0].fingerprint != submissions[1].fingerprint


@pytest.mark.parametrize("stored_by", [b"old", b"new"])
def test_a_request_is_recognised_across_a_change_of_the_secret(stored_by: bytes) -> None:
    def submission(secret: bytes, *previous: bytes) -> service.Submission:
        idempotency = service.Idempotency(secret, timedelta(hours=1), previous)
        return idempotency.submission(scope="me", key="my key", request="my request")

    stored = submission(stored_by).fingerprint

    assert submission(b"new", b"old").has(stored)
    assert submission(b"old", b"new").has(stored)
    assert not submission(b"third", b"fourth").has(stored)
