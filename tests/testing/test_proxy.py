"""The proxy does what it says: other tests rest on it."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from wellhead.embedded import EmbeddedPostgres
from wellhead.testing.proxy import COMMIT, TCPProxy

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def echo() -> AsyncIterator[TCPProxy]:
    """A proxy in front of a server that answers each chunk with itself."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(100_000):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, TCPProxy(*server.sockets[0].getsockname()) as proxy:
        yield proxy


@asynccontextmanager
async def connected(proxy: TCPProxy) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def exchange(streams: Streams, data: bytes) -> bytes:
    reader, writer = streams
    writer.write(data)
    return await asyncio.wait_for(reader.readexactly(len(data)), 60)


async def is_silent(reader: asyncio.StreamReader) -> bool:
    """Whether nothing at all arrives, not even an end, for a moment."""
    try:
        await asyncio.wait_for(reader.read(1), 0.05)
    except TimeoutError:
        return True
    return False


async def test_the_proxy_forwards_and_counts_bytes_each_way(echo: TCPProxy) -> None:
    async with connected(echo) as streams:
        assert await exchange(streams, b"ping") == b"ping"

    assert echo.connections == 1
    assert (echo.bytes_to_server, echo.bytes_to_client) == (4, 4)


async def test_large_transfers_arrive_whole(echo: TCPProxy) -> None:
    data = os.urandom(3_000_000)
    async with connected(echo) as streams:
        assert await exchange(streams, data) == data


async def test_a_round_trip_is_counted_when_the_client_speaks_after_an_answer(
    echo: TCPProxy,
) -> None:
    async with connected(echo) as streams:
        for _ in range(3):
            await exchange(streams, b"question")

    assert echo.round_trips == 3


async def test_what_a_client_sends_without_waiting_is_one_round_trip(echo: TCPProxy) -> None:
    echo.stall()
    async with connected(echo) as (reader, writer):
        for _ in range(3):
            writer.write(b"x")
            await asyncio.sleep(0.01)
        echo.resume()
        await reader.readexactly(3)

    assert echo.round_trips == 1


async def test_reset_starts_the_counts_at_zero_and_keeps_the_connection(echo: TCPProxy) -> None:
    async with connected(echo) as streams:
        await exchange(streams, b"before")
        echo.reset()
        await exchange(streams, b"after")

        assert (echo.connections, echo.round_trips, echo.bytes_to_server) == (0, 1, 5)


async def test_cut_ends_the_connections_in_order(echo: TCPProxy) -> None:
    async with connected(echo) as streams:
        await exchange(streams, b"x")
        await echo.cut()

        assert echo.open_connections == 0
        assert await asyncio.wait_for(streams[0].read(), 60) == b""


async def test_cut_lets_new_connections_through(echo: TCPProxy) -> None:
    async with connected(echo) as streams:
        await exchange(streams, b"x")
        await echo.cut()
    async with connected(echo) as streams:
        assert await exchange(streams, b"again") == b"again"


async def test_cut_ends_a_connection_whose_task_has_not_begun(echo: TCPProxy) -> None:
    with socket.create_connection((echo.host, echo.port)) as client:
        while not echo.open_connections:  # noqa: ASYNC110 - until it is accepted, no longer
            await asyncio.sleep(0)
        await echo.cut()
        client.setblocking(False)

        assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1), 60) == b""


async def test_reset_connections_breaks_them_by_a_tcp_reset(echo: TCPProxy) -> None:
    async with connected(echo) as streams:
        await exchange(streams, b"x")
        await echo.reset_connections()

        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(streams[0].read(), 60)


async def test_refuse_turns_new_connections_away_and_keeps_open_ones(echo: TCPProxy) -> None:
    async with connected(echo) as streams:
        await exchange(streams, b"x")
        await echo.refuse()

        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(echo.host, echo.port)
        assert await exchange(streams, b"still here") == b"still here"


async def test_accept_listens_again_on_the_same_port(echo: TCPProxy) -> None:
    port = echo.port
    await echo.refuse()
    await echo.accept()

    assert echo.port == port
    async with connected(echo) as streams:
        assert await exchange(streams, b"back") == b"back"


async def test_stall_is_silence_and_resume_delivers_what_gathered(echo: TCPProxy) -> None:
    async with connected(echo) as (reader, writer):
        await exchange((reader, writer), b"x")
        echo.stall()
        writer.write(b"held")

        assert await is_silent(reader)
        echo.resume()
        assert await asyncio.wait_for(reader.readexactly(4), 60) == b"held"


async def test_a_side_that_sends_more_than_fits_on_the_way_has_to_wait(echo: TCPProxy) -> None:
    on_the_way = 64 * 65536
    async with connected(echo) as (reader, writer):
        await exchange((reader, writer), b"x")
        echo.stall()
        writer.write(bytes(16 * on_the_way))

        for _ in range(5000):
            await asyncio.sleep(0)
        # One chunk is out of the queue, one waits to get in, and this is the first byte.
        assert echo.bytes_to_server <= on_the_way + 2 * 65536 + 1

        echo.resume()
        await asyncio.wait_for(reader.readexactly(16 * on_the_way), 60)


async def test_stall_holds_back_the_end_of_a_connection_too(echo: TCPProxy) -> None:
    async with connected(echo) as (reader, writer):
        await exchange((reader, writer), b"x")
        echo.stall()
        writer.write_eof()

        assert await is_silent(reader)
        echo.resume()
        assert await asyncio.wait_for(reader.read(), 60) == b""


async def test_what_is_swallowed_never_arrives_and_nobody_is_told(echo: TCPProxy) -> None:
    async with connected(echo) as (reader, writer):
        await exchange((reader, writer), b"x")
        echo.swallow()
        writer.write(b"lost")

        assert await is_silent(reader)
        echo.deliver()
        writer.write(b"lost, too")
        assert await is_silent(reader)


async def test_a_connection_that_is_made_while_bytes_are_swallowed_stays_silent(
    echo: TCPProxy,
) -> None:
    echo.swallow()
    async with connected(echo) as (reader, writer):
        writer.write(b"lost")

        assert await is_silent(reader)
        echo.deliver()
        assert await is_silent(reader)


async def test_connections_that_have_lost_nothing_work_after_it(echo: TCPProxy) -> None:
    async with connected(echo) as old:
        await exchange(old, b"x")
        echo.swallow()
        echo.deliver()

        assert await exchange(old, b"still here") == b"still here"
    async with connected(echo) as new:
        assert await exchange(new, b"new") == b"new"


async def test_delay_holds_each_chunk_back_for_so_long_each_way(echo: TCPProxy) -> None:
    async with connected(echo) as streams:
        await exchange(streams, b"x")
        echo.delay(0.05)
        began = time.monotonic()
        await exchange(streams, b"y")

        assert time.monotonic() - began >= 0.1


async def test_the_end_of_the_client_reaches_the_server_and_comes_back(echo: TCPProxy) -> None:
    async with connected(echo) as (reader, writer):
        await exchange((reader, writer), b"x")
        writer.write_eof()

        assert await asyncio.wait_for(reader.read(), 60) == b""


async def test_a_server_that_is_down_is_a_reset_for_the_client(echo: TCPProxy) -> None:
    await echo.refuse()
    async with TCPProxy(echo.host, echo.port) as proxy, connected(proxy) as (reader, _):
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 60)


async def test_what_is_not_to_pass_breaks_the_connection_before_the_server_gets_it(
    echo: TCPProxy,
) -> None:
    async with connected(echo) as streams:
        await exchange(streams, b"hello")
        broken = echo.break_at(rb"good.*bye", passes=False)
        await exchange(streams, b"hello again")
        assert not broken.is_set()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await exchange(streams, b"good bye")

    assert broken.is_set()
    assert echo.bytes_to_client == len(b"hello" + b"hello again")


async def test_what_is_to_pass_is_answered_and_the_answer_kept_back(echo: TCPProxy) -> None:
    async with connected(echo) as streams:
        echo.break_at(b"good bye", passes=True)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await exchange(streams, b"good bye")

    assert echo.bytes_to_client == len(b"good bye")


async def test_a_break_happens_once_and_to_one_connection(echo: TCPProxy) -> None:
    async with connected(echo) as one, connected(echo) as other:
        echo.break_at(b"good bye", passes=False)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await exchange(one, b"good bye")

        assert await exchange(other, b"good bye") == b"good bye"


async def test_a_server_that_is_not_to_notice_a_break_keeps_its_side(
    database_url: str, proxy: TCPProxy, postgres: EmbeddedPostgres
) -> None:
    url = database_url.replace(f":{postgres.port}/", f":{proxy.port}/")
    connection = await asyncpg.connect(url)
    pid = connection.get_server_pid()
    broken = proxy.break_at(COMMIT, passes=False, is_noticed=False)
    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        async with connection.transaction():
            await connection.execute("CREATE TABLE thing ()")
    watcher = await asyncpg.connect(database_url)
    state = await watcher.fetchval("SELECT state FROM pg_stat_activity WHERE pid = $1", pid)
    await watcher.close()

    assert broken.is_set()
    assert state == "idle in transaction"


async def test_a_statement_through_the_proxy_costs_the_round_trips_of_the_protocol(
    proxy: TCPProxy, postgres: EmbeddedPostgres
) -> None:
    connection = await asyncpg.connect(
        host=proxy.host,
        port=proxy.port,
        user="wellhead",
        password=postgres.password,
        database="wellhead",
        ssl=False,
    )
    try:
        await connection.fetchval("SELECT 1")
        proxy.reset()
        await connection.fetchval("SELECT 1")

        assert proxy.round_trips == 1
    finally:
        await connection.close()
    assert proxy.connections == 0


async def test_a_server_on_a_unix_socket_is_reached_by_its_directory(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(4))
        writer.close()

    server = await asyncio.start_unix_server(serve, tmp_path / ".s.PGSQL.5433")
    async with server, TCPProxy(str(tmp_path), 5433) as proxy, connected(proxy) as streams:
        assert await exchange(streams, b"ping") == b"ping"


async def test_clients_hear_the_last_words_of_a_server_that_is_cut(echo: TCPProxy) -> None:
    async with connected(echo) as streams:
        await exchange(streams, b"x")

        assert await echo.cut(last_words=b"good bye") == 1
        assert await asyncio.wait_for(streams[0].read(), 60) == b"good bye"


async def test_a_new_connection_is_passed_on_once_the_server_is_awake(echo: TCPProxy) -> None:
    awake = asyncio.Event()

    async def wake() -> None:
        await awake.wait()

    echo.wake_first(wake)
    async with connected(echo) as streams:
        answer = asyncio.create_task(exchange(streams, b"hello"))
        while not echo.open_connections:  # noqa: ASYNC110 - until it is accepted, no longer
            await asyncio.sleep(0)
        bytes_before = echo.bytes_to_server
        awake.set()

        assert bytes_before == 0
        assert await answer == b"hello"
