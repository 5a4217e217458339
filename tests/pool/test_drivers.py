"""What the pool reads off a driver's connection without asking the server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import psycopg
import pytest

from tests.pool.conftest import eventually
from tests.staging.proxy import TCPProxy
from wellhead.pool import drivers


@pytest.fixture(params=["asyncpg", "psycopg"])
async def connection(request: pytest.FixtureRequest, proxied_url: str) -> AsyncIterator[Any]:
    made: Any
    if request.param == "asyncpg":
        made = await asyncpg.connect(proxied_url)
    else:
        made = await psycopg.AsyncConnection.connect(proxied_url)
    yield made
    await made.close()


async def test_open_and_closed_are_told_apart(connection: Any) -> None:
    is_closed = drivers.closed_check(connection)
    before = is_closed()
    await drivers.close(connection)

    assert (before, is_closed()) == (False, True)


async def test_asyncpg_knows_without_asking_that_the_server_hung_up(
    proxied_url: str, proxy: TCPProxy
) -> None:
    connection = await asyncpg.connect(proxied_url)
    is_closed = drivers.closed_check(connection)
    proxy.reset()
    await proxy.cut()
    await eventually(is_closed)

    assert proxy.bytes_to_server == 0


async def test_an_open_transaction_is_seen(connection: Any) -> None:
    await connection.execute("BEGIN")
    during = drivers.is_in_transaction(connection)
    await connection.execute("ROLLBACK")

    assert (during, drivers.is_in_transaction(connection)) == (True, False)


async def test_a_ping_is_one_round_trip_and_opens_no_transaction(
    connection: Any, proxy: TCPProxy
) -> None:
    proxy.reset()
    await drivers.ping(connection, timeout=20)

    assert proxy.round_trips == 1
    assert not drivers.is_in_transaction(connection)


async def test_a_ping_without_an_answer_ends_in_time(connection: Any, proxy: TCPProxy) -> None:
    proxy.stall()
    with pytest.raises((TimeoutError, psycopg.OperationalError)):
        await drivers.ping(connection, timeout=0.1)
    proxy.resume()
    drivers.terminate(connection)


async def test_terminating_says_no_word_and_does_not_wait(connection: Any, proxy: TCPProxy) -> None:
    proxy.stall()
    drivers.terminate(connection)
    drivers.terminate(connection)
    proxy.resume()
    await eventually(lambda: proxy.open_connections == 0)

    assert drivers.closed_check(connection)()


async def test_an_unknown_driver_is_not_guessed_at() -> None:
    assert not drivers.is_known(object())
    assert not drivers.closed_check(object())()


async def test_a_link_opens_in_time_or_raises(proxied_url: str, proxy: TCPProxy) -> None:
    link = drivers.DriverLink(lambda: asyncpg.connect(proxied_url))
    opened = await link.open(timeout=20)
    proxy.stall()
    with pytest.raises(TimeoutError):
        await link.open(timeout=0.1)
    proxy.resume()
    await link.close(opened)
    await asyncio.sleep(0)

    assert link.closed_check(opened)()
