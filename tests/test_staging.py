"""The staged parts do what they say: other tests rest on them."""

import os
import socket
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from tests.staging.databases import Databases
from tests.staging.given import Postgres
from tests.staging.passwords import check_password_cheaply
from tests.staging.pki import PKI, TLSPostgres
from tests.staging.ports import reserve_port
from wellhead.embedded.ports import ADDRESS


@pytest.mark.skipif(sys.platform != "linux", reason="no other system can reserve a port")
def test_a_reserved_port_is_for_servers_only_before_between_and_while_they_listen() -> None:
    port = reserve_port()
    for _ in range(2):
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((ADDRESS, port))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((ADDRESS, port))
        with socket.create_server((ADDRESS, port)):
            socket.create_connection((ADDRESS, port)).close()
            with pytest.raises(OSError, match="in use"):
                socket.create_server((ADDRESS, port))


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
