"""Every sslmode against servers with a private authority, with both drivers."""

from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from tests.staging.pki import PKI, TLSPostgres
from tests.url.test_on_server import DRIVERS, ask, at, by

ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
# SQLAlchemy 2.0 passes on what asyncpg raises in connecting.
REFUSED = (OSError, DBAPIError, asyncpg.PostgresError)
BAD_CERTIFICATE = "certificate verify failed"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, so that no certificate of the developer is found."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def full(driver: str, server: TLSPostgres, query: str) -> str:
    return f"{by(driver, server.url)}?{query}"


@DRIVERS
async def test_disable_is_refused_by_a_server_that_insists(
    driver: str, tls_postgres: TLSPostgres
) -> None:
    with pytest.raises(REFUSED, match="no encryption"):
        await ask(full(driver, tls_postgres, "sslmode=disable"), ENCRYPTED)


@DRIVERS
@pytest.mark.parametrize("sslmode", ["allow", "prefer", "require"])
async def test_weak_modes_encrypt_and_verify_nothing(
    driver: str, sslmode: str, wrong_host_postgres: TLSPostgres
) -> None:
    assert await ask(full(driver, wrong_host_postgres, f"sslmode={sslmode}"), ENCRYPTED) is True


@DRIVERS
async def test_require_with_a_root_certificate_verifies_the_authority(
    driver: str, wrong_host_postgres: TLSPostgres, pki: PKI
) -> None:
    right = f"sslmode=require&sslrootcert={pki.ca_file}"
    wrong = f"sslmode=require&sslrootcert={pki.stranger_ca_file}"

    assert await ask(full(driver, wrong_host_postgres, right), ENCRYPTED) is True
    with pytest.raises(REFUSED, match=BAD_CERTIFICATE):
        await ask(full(driver, wrong_host_postgres, wrong), ENCRYPTED)


@DRIVERS
async def test_verify_ca_takes_any_host_of_the_authority(
    driver: str, wrong_host_postgres: TLSPostgres, pki: PKI
) -> None:
    query = f"sslmode=verify-ca&sslrootcert={pki.ca_file}"

    assert await ask(full(driver, wrong_host_postgres, query), ENCRYPTED) is True


@DRIVERS
@pytest.mark.parametrize("sslmode", ["verify-ca", "verify-full"])
async def test_a_strange_authority_is_refused(
    driver: str, sslmode: str, tls_postgres: TLSPostgres, pki: PKI
) -> None:
    query = f"sslmode={sslmode}&sslrootcert={pki.stranger_ca_file}"

    with pytest.raises(REFUSED, match=BAD_CERTIFICATE):
        await ask(full(driver, tls_postgres, query), ENCRYPTED)


@DRIVERS
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_verify_full_takes_the_right_host(
    driver: str, host: str, tls_postgres: TLSPostgres, pki: PKI
) -> None:
    url = at(by(driver, tls_postgres.url), f"{host}:{tls_postgres.server.port}")

    query = f"sslmode=verify-full&sslrootcert={pki.ca_file}"
    assert await ask(f"{url}?{query}", ENCRYPTED) is True


@DRIVERS
async def test_verify_full_refuses_the_wrong_host(
    driver: str, wrong_host_postgres: TLSPostgres, pki: PKI
) -> None:
    query = f"sslmode=verify-full&sslrootcert={pki.ca_file}"

    with pytest.raises(REFUSED, match=r"IP address mismatch|does not match"):
        await ask(full(driver, wrong_host_postgres, query), ENCRYPTED)


@DRIVERS
async def test_verify_full_uses_the_root_certificate_at_home(
    driver: str, tls_postgres: TLSPostgres, pki: PKI, home: Path
) -> None:
    (home / ".postgresql").mkdir()
    (home / ".postgresql" / "root.crt").write_bytes(pki.ca_file.read_bytes())

    assert await ask(full(driver, tls_postgres, "sslmode=verify-full"), ENCRYPTED) is True


@DRIVERS
async def test_the_systems_roots_refuse_a_private_authority(
    driver: str, tls_postgres: TLSPostgres, pki: PKI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pki.stranger_ca_file))

    with pytest.raises(REFUSED, match=BAD_CERTIFICATE):
        await ask(full(driver, tls_postgres, "sslrootcert=system"), ENCRYPTED)


@DRIVERS
async def test_the_systems_roots_are_found_and_trusted(
    driver: str, tls_postgres: TLSPostgres, pki: PKI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pki.ca_file))

    assert await ask(full(driver, tls_postgres, "sslrootcert=system"), ENCRYPTED) is True


@DRIVERS
async def test_a_client_certificate_is_sent(
    driver: str, tls_postgres: TLSPostgres, pki: PKI
) -> None:
    url = f"{by(driver, tls_postgres.certified_url)}?sslmode=verify-full&sslrootcert={pki.ca_file}"
    with pytest.raises(REFUSED, match="valid client certificate"):
        await ask(url, ENCRYPTED)

    url += f"&sslcert={pki.client.cert_file}&sslkey={pki.client.key_file}"
    assert await ask(url, ENCRYPTED) is True


@DRIVERS
async def test_tls_starts_at_once_where_that_is_asked_for(
    driver: str, tls_postgres: TLSPostgres, pki: PKI
) -> None:
    query = f"sslmode=verify-full&sslrootcert={pki.ca_file}&sslnegotiation=direct"

    assert await ask(full(driver, tls_postgres, query), ENCRYPTED) is True


@DRIVERS
async def test_the_bounds_of_the_tls_version_are_kept(
    driver: str, tls_postgres: TLSPostgres
) -> None:
    url = full(driver, tls_postgres, "sslmode=require&ssl_max_protocol_version=TLSv1.2")

    version = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    assert await ask(url, version) == "TLSv1.2"


async def test_psycopg_honours_channel_binding(
    tls_postgres: TLSPostgres, database_url: str
) -> None:
    over_tls = full("psycopg", tls_postgres, "sslmode=require&channel_binding=require")
    without_tls = f"{by('psycopg', database_url)}?channel_binding=require"

    assert await ask(over_tls, ENCRYPTED) is True
    with pytest.raises(DBAPIError, match="channel binding required"):
        await ask(without_tls, ENCRYPTED)


@DRIVERS
async def test_each_of_several_hosts_is_verified_by_its_own_name(
    driver: str, tls_postgres: TLSPostgres, wrong_host_postgres: TLSPostgres, pki: PKI
) -> None:
    hosts = f"127.0.0.1:{wrong_host_postgres.server.port},localhost:{tls_postgres.server.port}"
    url = at(by(driver, tls_postgres.url), hosts)
    query = f"sslmode=verify-full&sslrootcert={pki.ca_file}"

    assert await ask(f"{url}?{query}", "SELECT inet_server_port()") == tls_postgres.server.port
