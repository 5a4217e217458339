"""The staged parts do what they say: other tests rest on them."""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.staging.databases import Databases
from tests.staging.given import Postgres
from tests.staging.passwords import check_password_cheaply
from tests.staging.pki import PKI, TLSPostgres
from tests.staging.proxy import COMMIT, TCPProxy
from wellhead.embedded import EmbeddedPostgres

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


async def test_a_test_has_an_empty_database_of_its_own(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("CREATE TABLE mine ()")
        assert await connection.fetchval("SELECT count(*) FROM pg_stat_user_tables") == 1
    finally:
        await connection.close()


async def test_a_database_is_dropped_under_an_open_connection(databases: Databases) -> None:
    url = databases.create()
    connection = await asyncpg.connect(url)
    try:
        databases.drop(url)

        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await connection.fetchval("SELECT 1")
    finally:
        connection.terminate()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(url)


async def test_a_database_can_be_copied_from_a_template(databases: Databases) -> None:
    template = databases.create()
    connection = await asyncpg.connect(template)
    await connection.execute("CREATE TABLE copied ()")
    await connection.close()
    copy = databases.create(template=template.rpartition("/")[2])
    connection = await asyncpg.connect(copy)
    try:
        assert await connection.fetchval("SELECT to_regclass('copied')::text") == "copied"
    finally:
        await connection.close()
        databases.drop(copy)
        databases.drop(template)


def test_runs_that_share_a_server_change_its_password_in_turn(postgres: Postgres) -> None:
    with ThreadPoolExecutor(8) as runs:
        for run in [runs.submit(check_password_cheaply, postgres.url) for _ in range(40)]:
            run.result()


async def test_the_tls_server_proves_its_host_by_the_private_authority(
    tls_postgres: TLSPostgres, pki: PKI
) -> None:
    context = ssl.create_default_context(cafile=pki.ca_file)
    connection = await asyncpg.connect(tls_postgres.url, ssl=context)
    try:
        query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert await connection.fetchval(query) is True
    finally:
        await connection.close()


async def test_the_tls_server_refuses_a_connection_without_tls(tls_postgres: TLSPostgres) -> None:
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="no encryption"):
        await asyncpg.connect(tls_postgres.url, ssl=False)


async def test_a_client_that_trusts_a_strange_authority_refuses_the_server(
    tls_postgres: TLSPostgres, pki: PKI
) -> None:
    context = ssl.create_default_context(cafile=pki.stranger_ca_file)
    with pytest.raises(
        ssl.SSLCertVerificationError, match="self-signed certificate in certificate chain"
    ):
        await asyncpg.connect(tls_postgres.url, ssl=context)


async def test_the_certificate_of_the_wrong_host_names_another(
    wrong_host_postgres: TLSPostgres, pki: PKI
) -> None:
    context = ssl.create_default_context(cafile=pki.ca_file)
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        await asyncpg.connect(wrong_host_postgres.url, ssl=context)


async def test_the_certified_database_asks_for_a_client_certificate(
    tls_postgres: TLSPostgres, pki: PKI
) -> None:
    context = ssl.create_default_context(cafile=pki.ca_file)
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(tls_postgres.certified_url, ssl=context)

    context.load_cert_chain(pki.client.cert_file, pki.client.key_file)
    connection = await asyncpg.connect(tls_postgres.certified_url, ssl=context)
    await connection.close()


def test_no_setting_of_the_shell_reaches_a_test() -> None:
    assert not [name for name in os.environ if name.startswith(("DATABASE_", "JWT_", "PG"))]


def test_no_environment_file_of_the_checkout_reaches_a_test(tmp_path: Path) -> None:
    assert Path.cwd() == tmp_path
    assert not Path(".env").exists()
