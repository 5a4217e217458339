"""A write that got no reply: clients are told its outcome if it can be known."""

import asyncio
import re
from uuid import UUID

import jwt
import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import event
from writes import (
    FORGOTTEN,
    KEYED,
    REFRESH,
    REPEATABLE,
    RESTORING,
    SETTING,
    WRITES,
    Connection,
    World,
    but_for_hits,
    done_by,
    headers_for,
)

from wellhead import Database
from wellhead.testing.proxy import TCPProxy

pytestmark = pytest.mark.wellhead(commit=True)

COMMIT = b"COMMIT;"
EMAIL = rb"person\d+@new\.example\.com"
UNKNOWN = (503, "urn:wellhead:outcome_unknown")
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
@pytest.mark.parametrize("route", REPEATABLE)
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


STATEMENTS = (*KEYED, *SETTING, *RESTORING, REFRESH, FORGOTTEN)
"""The routes that write by one statement, which may be sent again."""

DELETIONS = tuple(route for route in WRITES if route not in {*STATEMENTS, *REPEATABLE})


def breaks(proxy: TCPProxy, world: World, route: str, *, passes: bool) -> asyncio.Event:
    """Break the connection at the next statement that speaks of what the route is about."""
    if route == KEYED[0]:
        return proxy.break_at(EMAIL, passes=passes)
    if route == FORGOTTEN:
        return proxy.break_at(re.escape(world.account.email.encode()), passes=passes)
    claims = jwt.decode(world.account.access_token, options={"verify_signature": False})
    subject = UUID(claims["sid"]) if route == REFRESH else world.account.id
    return proxy.break_at(re.escape(subject.bytes), passes=passes)


@pytest.mark.parametrize("passes", [True, False])
@pytest.mark.parametrize("has_key", [True, False])
@pytest.mark.parametrize("route", STATEMENTS)
async def test_a_statement_that_nobody_answered_is_not_seen(
    app: FastAPI,
    client: AsyncClient,
    server: Connection,
    proxy: TCPProxy,
    database: Database,
    route: str,
    *,
    has_key: bool,
    passes: bool,
) -> None:
    keys = headers_for(route) if has_key else {}
    expected = but_for_hits(await done_by(await World.make(app, client), server, route, **keys))
    world = await World.make(app, client)
    broken = breaks(proxy, world, route, passes=passes)

    done = await done_by(world, server, route, **(headers_for(route, 1) if has_key else {}))

    assert broken.is_set()
    assert but_for_hits(done) == expected
    assert database.run_stats().unknown == 1


CONDITIONAL = tuple(route for route in (*SETTING, *DELETIONS) if "/{user_id}/" in route)
"""The routes that take an `If-Match`."""


async def condition_of(world: World, route: str) -> dict[str, str]:
    """The `If-Match` that names the state of what a route changes or deletes."""
    is_of_tag = route.rsplit("/", maxsplit=1)[-1] == "{tag_id}"
    path = f"tags/{world.tag}" if is_of_tag else f"tasks/{world.task}"
    address = f"/api/{world.account.id}/{path}"
    answer = await world.client.get(address, headers=world.account.headers)
    return {"If-Match": answer.headers["ETag"]}


@pytest.mark.parametrize("passes", [True, False])
@pytest.mark.parametrize("route", CONDITIONAL)
async def test_with_a_condition_it_is_not_seen_or_said_to_be_unknown(
    app: FastAPI, client: AsyncClient, proxy: TCPProxy, route: str, *, passes: bool
) -> None:
    world = await World.make(app, client)
    condition = await condition_of(world, route)
    broken = breaks(proxy, world, route, passes=passes)

    answer = await world.send(route, **condition)

    assert broken.is_set()
    if passes:
        assert (answer.status_code, answer.json()["type"]) == UNKNOWN
        assert (await world.send(route, **condition)).status_code in {404, 412}
    else:
        assert answer.is_success, answer.text


@pytest.mark.parametrize("passes", [True, False])
@pytest.mark.parametrize("route", DELETIONS)
async def test_a_deletion_is_not_seen_or_said_to_be_unknown(
    app: FastAPI, client: AsyncClient, proxy: TCPProxy, route: str, *, passes: bool
) -> None:
    world = await World.make(app, client)
    broken = breaks(proxy, world, route, passes=passes)

    answer = await world.send(route)

    assert broken.is_set()
    if passes:
        assert (answer.status_code, answer.json()["type"]) == UNKNOWN
    else:
        assert answer.status_code == 204
    assert (await world.send(route)).status_code == 404
