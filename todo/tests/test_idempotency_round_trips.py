"""What a key costs, counted on the wire between the application and PostgreSQL."""

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import asyncpg
import pytest
from httpx2 import AsyncClient
from staged import StagedAccount
from task_api import TaskAPI

from wellhead import Database
from wellhead.testing.proxy import TCPProxy

pytestmark = pytest.mark.wellhead(commit=True)


@pytest.fixture
def database(proxied_database: Database) -> Database:
    return proxied_database


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


async def cost(proxy: TCPProxy, request: Callable[[], Awaitable[Any]]) -> int:
    """The round trips of a request once the connection knows its statements."""
    for _ in range(2):
        await request()
    proxy.reset()
    await request()
    return proxy.round_trips


async def test_a_new_key_costs_nothing_more(api: TaskAPI, proxy: TCPProxy) -> None:
    keys = count()

    assert await cost(proxy, api.task) == 1
    assert await cost(proxy, lambda: api.task(key=f"{next(keys)}")) == 1
    assert await cost(proxy, lambda: api.task(tags=["a"])) == 1
    assert await cost(proxy, lambda: api.task(tags=["a"], key=f"{next(keys)}")) == 1


async def test_a_first_answer_that_is_given_again_costs_one(api: TaskAPI, proxy: TCPProxy) -> None:
    assert await cost(proxy, lambda: api.task(key="once", tags=["a", "b"])) == 1


async def test_a_key_of_another_request_costs_one(api: TaskAPI, proxy: TCPProxy) -> None:
    await api.task(key="once")
    other = {"json": {"title": "another"}, "headers": {"Idempotency-Key": "once"}}

    assert await cost(proxy, lambda: api.expect(422, "POST", "/tasks", **other)) == 1


async def test_a_key_that_is_in_use_costs_one(
    api: TaskAPI, proxy: TCPProxy, wellhead_url: str
) -> None:
    keyed = {"json": {"title": "one"}, "headers": {"Idempotency-Key": "once"}}
    rival = await asyncpg.connect(wellhead_url)
    await api.expect(201, "POST", "/tasks", **keyed)
    await rival.execute(
        "DO $$ BEGIN PERFORM pg_advisory_lock(('x' || encode(substr(id, 1, 8), 'hex'))::bit(64)"
        "::bigint) FROM idempotency_keys; END $$; DELETE FROM idempotency_keys"
    )

    assert await cost(proxy, lambda: api.expect(409, "POST", "/tasks", **keyed)) == 1
    await rival.close()


async def test_a_key_that_is_none_costs_nothing(api: TaskAPI, proxy: TCPProxy) -> None:
    bad = {"json": {"title": "one"}, "headers": {"Idempotency-Key": ""}}

    assert await cost(proxy, lambda: api.expect(422, "POST", "/tasks", **bad)) == 0
