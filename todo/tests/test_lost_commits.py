"""A COMMIT that was sent and not answered: whoever can be told what became of it, is told."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import event
from writes import (
    KEYED,
    REPEATABLE,
    SETTING,
    WRITES,
    Connection,
    World,
    but_for_hits,
    done_by,
    headers_for,
)

from tests.staging.proxy import TCPProxy
from wellhead import Database

COMMIT = b"COMMIT;"
MOST = 20


@pytest.fixture
def database(proxied_database: Database) -> Database:
    return proxied_database


class CommitBreaker:
    """Breaks the connection at the COMMIT of a chosen number."""

    def __init__(self, database: Database, proxy: TCPProxy, *, passes: bool) -> None:
        self._left = 0
        self._proxy = proxy
        self._passes = passes
        event.listen(database.engine.sync_engine, "commit", self._begin_commit)

    def arm(self, number: int) -> None:
        """Let the COMMIT of this number, counted from 1 and from now on, fail."""
        self._left = number

    def disarm(self) -> bool:
        """Let nothing fail any more, and say whether it has come to pass."""
        has_failed = self._left <= 0
        self._left = 0
        return has_failed

    def _begin_commit(self, connection: SyncConnection) -> None:
        del connection
        self._left -= 1
        if self._left == 0:
            self._proxy.break_at(COMMIT, passes=self._passes)


@pytest.mark.parametrize("passes", [True, False])
@pytest.mark.parametrize("route", dict.fromkeys((*KEYED, *REPEATABLE, *SETTING)))
async def test_a_commit_that_nobody_answered_is_not_seen(
    app: FastAPI,
    client: AsyncClient,
    server: Connection,
    database: Database,
    proxy: TCPProxy,
    route: str,
    *,
    passes: bool,
) -> None:
    expected = but_for_hits(
        await done_by(await World.make(app, client), server, route, **headers_for(route))
    )
    breaker = CommitBreaker(database, proxy, passes=passes)

    for number in range(1, MOST):
        world = await World.make(app, client)
        breaker.arm(number)
        done = await done_by(world, server, route, **headers_for(route, number))
        if not breaker.disarm():
            break
        assert but_for_hits(done) == expected, number
        assert database.run_stats().unknown == number

    assert 1 < number < MOST


@pytest.mark.parametrize("passes", [True, False])
@pytest.mark.parametrize("route", [route for route in WRITES if route not in REPEATABLE])
async def test_without_a_key_or_with_a_condition_an_unknown_outcome_is_said_to_be_one(
    app: FastAPI, client: AsyncClient, proxy: TCPProxy, route: str, *, passes: bool
) -> None:
    world = await World.make(app, client)
    condition = {"If-Match": "*"} if route in SETTING else {}
    broken = proxy.break_at(COMMIT, passes=passes)

    answer = await world.send(route, **condition)

    assert broken.is_set()
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:wellhead:outcome_unknown")
    again = await world.send(route, **condition)
    assert again.is_success == (route in SETTING or not passes or route == KEYED[1]), again.text
