"""What the pool reads off a driver's connection without asking the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import psycopg
import pytest

from tests.staging.databases import Databases
from tests.staging.patience import until
from tests.staging.pki import PKI, TLSPostgres
from wellhead import Database, DatabaseSettings
from wellhead.pool import connection_state
from wellhead.sessions.exclusive import RefusingLock
from wellhead.testing.proxy import TCPProxy


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
    is_closed = connection_state.closed_check(connection)
    before = is_closed()
    await connection.close()

    assert (before, is_closed()) == (False, True)


async def test_asyncpg_knows_without_asking_that_the_server_hung_up(
    proxied_url: str, proxy: TCPProxy
) -> None:
    connection = await asyncpg.connect(proxied_url)
    is_closed = connection_state.closed_check(connection)
    proxy.reset()
    await proxy.cut()
    await until(is_closed)

    assert proxy.bytes_to_server == 0


async def test_an_open_transaction_is_seen(connection: Any) -> None:
    await connection.execute("BEGIN")
    during = connection_state.is_in_transaction(connection)
    await connection.execute("ROLLBACK")

    assert (during, connection_state.is_in_transaction(connection)) == (True, False)


async def test_a_ping_is_one_round_trip_and_opens_no_transaction(
    connection: Any, proxy: TCPProxy
) -> None:
    proxy.reset()
    await connection_state.ping(connection, timeout=20)

    assert proxy.round_trips == 1
    assert not connection_state.is_in_transaction(connection)


async def test_a_ping_without_an_answer_ends_in_time(connection: Any, proxy: TCPProxy) -> None:
    proxy.stall()
    with pytest.raises((TimeoutError, psycopg.OperationalError)):
        await connection_state.ping(connection, timeout=0.1)
    proxy.resume()
    connection_state.terminate(connection)


async def test_terminating_says_no_word_and_does_not_wait(connection: Any, proxy: TCPProxy) -> None:
    proxy.stall()
    connection_state.terminate(connection)
    connection_state.terminate(connection)
    proxy.resume()
    await until(lambda: proxy.open_connections == 0)

    assert connection_state.closed_check(connection)()


async def test_one_of_psycopg_that_a_task_uses_is_closed_when_that_lets_go(
    proxied_url: str, proxy: TCPProxy
) -> None:
    connection, has_it = await psycopg.AsyncConnection.connect(proxied_url), asyncio.Event()

    async def use() -> None:
        async with connection.lock:
            has_it.set()
            await asyncio.Event().wait()

    using = asyncio.create_task(use())
    await has_it.wait()
    connection_state.terminate(connection)
    await until(lambda: proxy.open_connections == 0)
    using.cancel()
    await until(lambda: connection.closed)


async def test_an_unknown_driver_is_not_guessed_at() -> None:
    assert not connection_state.is_known(object())
    assert not connection_state.closed_check(object())()


@asynccontextmanager
async def borrowed(url: str) -> AsyncIterator[Any]:
    """The driver's connection of a database of ours."""
    async with Database(DatabaseSettings(url=url)) as database, database.engine.connect() as taken:
        yield (await taken.get_raw_connection()).driver_connection


async def test_a_connection_whose_end_has_arrived_is_gone_and_nobody_is_asked(
    either_url: str, proxy: TCPProxy
) -> None:
    async with borrowed(either_url) as connection:
        before = connection_state.is_gone(connection)
        proxy.reset()
        await proxy.cut()
        await until(lambda: connection_state.is_gone(connection))
        sent = proxy.bytes_to_server

    assert not before
    assert sent == 0


async def test_the_servers_last_words_are_enough(
    database_url: str, either_url: str, databases: Databases
) -> None:
    direct = database_url.replace("postgresql", either_url.partition(":")[0], 1)
    async with borrowed(direct) as connection:
        pid = (
            connection.get_server_pid()
            if hasattr(connection, "get_server_pid")
            else connection.info.backend_pid
        )
        databases.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
        # The loop has not run since: asyncpg itself cannot know yet.
        gone = connection_state.is_gone(connection)

    assert gone


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
async def test_a_tls_connection_that_works_is_not_taken_for_gone(
    tls_postgres: TLSPostgres, pki: PKI, scheme: str
) -> None:
    url = tls_postgres.url.replace("postgresql", scheme, 1)
    async with borrowed(f"{url}?sslmode=verify-full&sslrootcert={pki.ca_file}") as connection:
        fresh = connection_state.is_gone(connection)
        await connection.execute("SELECT 1")

        assert (fresh, connection_state.is_gone(connection)) == (False, False)


async def test_a_notification_is_not_taken_for_an_end(database_url: str, either_url: str) -> None:
    direct = database_url.replace("postgresql", either_url.partition(":")[0], 1)
    async with borrowed(direct) as connection:
        await connection.execute("LISTEN news")
        if hasattr(connection, "commit"):
            await connection.commit()
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("NOTIFY news")
        other.close()

        assert not connection_state.is_gone(connection)


async def test_a_connection_that_a_task_still_uses_is_closed_after_that(database_url: str) -> None:
    connection: Any = await psycopg.AsyncConnection.connect(database_url)
    # That of sessions refuses a second task; it does not let it wait.
    connection.lock = RefusingLock()
    async with connection.lock:
        connection_state.terminate(connection)
        await asyncio.sleep(0)
        is_finished = connection.pgconn.pgconn_ptr is None

    await until(lambda: connection.pgconn.pgconn_ptr is None)
    assert not is_finished
