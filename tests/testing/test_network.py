"""The network of a test: who goes through it, and from where."""

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from tests.staging.given import Postgres
from tests.staging.pki import TLSPostgres
from wellhead.errors import ConfigurationError
from wellhead.testing import Network, count_round_trips, database_down
from wellhead.url import PostgresURL


def test_a_url_leads_through_the_network_to_its_own_database(network: Network) -> None:
    through = network.through(
        "postgresql+psycopg://user:p%40ss@db.example:6432/shop?connect_timeout=3"
    )
    url = PostgresURL.parse(through)

    assert (url.driver, url.user, url.password, url.database) == ("psycopg", "user", "p@ss", "shop")
    assert [str(host) for host in url.hosts] == [f"127.0.0.1:{network.proxy.port}"]
    assert url.sslmode == "disable"
    assert url.is_pooled
    assert url.connect_timeout == 3


async def test_a_server_on_ipv6_is_reached() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(4))
        writer.close()

    try:
        server = await asyncio.start_server(serve, "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    port = server.sockets[0].getsockname()[1]
    async with server:
        with Network(f"postgresql://user@[::1]:{port}/db") as network:
            reader, writer = await asyncio.open_connection("127.0.0.1", network.proxy.port)
            writer.write(b"ping")

            assert await reader.read() == b"ping"
            writer.close()


async def test_a_server_on_a_unix_socket_is_reached(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(4))
        writer.close()

    server = await asyncio.start_unix_server(serve, tmp_path / ".s.PGSQL.5432")
    async with server:
        with Network(f"postgresql://user@/db?host={tmp_path}") as network:
            reader, writer = await asyncio.open_connection("127.0.0.1", network.proxy.port)
            writer.write(b"ping")

            assert await reader.read() == b"ping"
            writer.close()


async def test_a_url_that_insists_on_tls_is_left_alone_and_the_instruments_say_so(
    tls_postgres: TLSPostgres,
) -> None:
    url = f"{tls_postgres.url}?sslmode=require"
    with Network(url) as network, network.present():
        connection = await asyncpg.connect(network.through(url))
        await connection.close()

        with pytest.raises(ConfigurationError, match=r"insists on TLS \(sslmode=require\)"):
            count_round_trips().__enter__()
        with pytest.raises(ConfigurationError, match="insists on TLS"):
            database_down().__enter__()


def test_a_url_with_several_hosts_is_left_alone() -> None:
    url = "postgresql://user@a:1,b:2/db"
    with Network(url) as network:
        assert network.through(url) == url
        assert network.refusal is not None
        assert "names 2 hosts" in network.refusal


def test_the_network_needs_no_pytest() -> None:
    program = "import sys; sys.modules['pytest'] = None; import wellhead.testing"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_two_networks_have_ports_of_their_own(postgres: Postgres) -> None:
    with Network(postgres.url) as one, Network(postgres.url) as other:
        assert one.proxy.port != other.proxy.port
