"""What becomes of a key when the server, the network or the application fails."""

import asyncio
from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sabotage import FAULTS, Saboteur
from sqlmodel.ext.asyncio.session import AsyncSession
from writes import KEYED, Connection, World, but_for_hits, done_by, headers_for

from tests.staging.proxy import TCPProxy
from todo.errors import ConflictError
from todo.idempotency import service
from todo.tags.models import Tag
from wellhead import Database

KEY = {"Idempotency-Key": "once"}
COMMIT = b"COMMIT;"
MOST = 20
HOLDERS_END = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
HAS_LOOKED = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND state = 'idle in transaction' AND query LIKE '%pg_try_advisory_xact_lock%'
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


async def test_a_first_run_that_the_server_still_holds_is_waited_for(
    app: FastAPI,
    client: AsyncClient,
    server: Connection,
    proxy: TCPProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "LOOKS", 1000)
    monkeypatch.setattr(service, "PAUSE", 0.01)
    world = await World.make(app, client)
    proxy.break_at(COMMIT, passes=False, is_noticed=False)

    request = asyncio.create_task(world.send("POST /api/{user_id}/tasks", **KEY))
    while not request.done() and not await server.fetchval(HAS_LOOKED):
        await asyncio.wait([request], timeout=0.01)
    await server.execute(HOLDERS_END)

    assert (await request).status_code == 201
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
    proxy.break_at(COMMIT, passes=False, is_noticed=False)

    answer, rows = await done_by(world, server, "POST /api/{user_id}/tasks", **KEY)

    assert answer[0] == 409
    assert "urn:todo:idempotency-key-in-use" in answer[1]
    assert rows["tasks"] == 0
    await server.execute(HOLDERS_END)
    assert (await world.send("POST /api/{user_id}/tasks", **KEY)).status_code == 201


async def test_who_does_not_see_a_key_that_is_there_does_nothing(
    app: FastAPI, client: AsyncClient, server: Connection, database: Database
) -> None:
    """As when it is committed between the snapshot of a look and the lock."""
    user_id = (await World.make(app, client)).account.id
    idempotency = service.Idempotency(b"secret", timedelta(hours=1))
    submission = idempotency.submission(scope="anybody", key="once", request="")

    async def work(session: AsyncSession) -> service.Answer:
        session.add(Tag(user_id=user_id, name="new", name_folded="new"))
        await server.execute(
            "INSERT INTO idempotency_keys (id, user_id, fingerprint, status, headers, body, "
            "created_at, expires_at) VALUES ($1, $2, '', 201, '{}', '', now(), 'infinity')",
            submission.id,
            user_id,
        )
        return service.Answer(owner_id=user_id, status=201, headers={}, body="")

    with pytest.raises(ConflictError) as caught:
        await service.do_once(database.run, submission, work)

    assert (caught.value.code, caught.value.retry_after) == ("idempotency-key-in-use", 1)
    assert await server.fetchval("SELECT count(*) FROM tags WHERE name = 'new'") == 0


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
