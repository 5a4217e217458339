"""What a URL asks for, seen from a real PostgreSQL, with both drivers."""

import asyncio
import socket
import string
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.staging.databases import Databases
from wellhead.embedded import EmbeddedPostgres
from wellhead.testing.proxy import TCPProxy
from wellhead.url import PostgresURL
from wellhead.url.drivers import asyncpg_arguments

RESERVED = string.punctuation + "ä €\u2003"
DRIVERS = pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
_LOOPBACKS = ["127.0.0.1"]
with suppress(OSError), socket.socket(socket.AF_INET6) as probe:
    probe.bind(("::1", 0))
    _LOOPBACKS.append("::1")


@pytest.fixture(autouse=True)
def _no_certificates_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


async def ask(url: str, sql: str, **kwargs: Any) -> object:
    """Connect as an application would, and return the answer of one query."""
    read = PostgresURL.parse(url)
    engine = create_async_engine(
        read.sqlalchemy_url(), connect_args=read.connect_args(**kwargs), poolclass=NullPool
    )
    try:
        async with engine.connect() as connection:
            answer: object = await connection.scalar(text(sql))
            return answer
    finally:
        await engine.dispose()


def by(driver: str, url: str) -> str:
    return url.replace("postgresql://", f"postgresql+{driver}://")


def at(url: str, hosts: str) -> str:
    """The same URL with other hosts."""
    before, _, after = url.partition("@")
    return f"{before}@{hosts}/{after.partition('/')[2]}"


class LoopbackProxy(TCPProxy):
    """Listens on another loopback address."""

    def __init__(self, address: str, *, to: int) -> None:
        super().__init__("127.0.0.1", to)
        self._address = address

    @property
    def host(self) -> str:
        return self._address


class SocketProxy(TCPProxy):
    """Listens on a Unix socket."""

    def __init__(self, path: Path, *, to: int) -> None:
        super().__init__("127.0.0.1", to)
        self._path = path

    async def accept(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._path)


@DRIVERS
async def test_options_and_application_name_arrive(driver: str, database_url: str) -> None:
    url = by(driver, database_url)
    url += "?application_name=my%20app&options=-c%20search_path%3D%22a%5C%20b%22%20--geqo%3Doff"

    assert await ask(url, "SHOW application_name") == "my app"
    assert await ask(url, "SHOW search_path") == '"a b"'
    assert await ask(url, "SHOW geqo") == "off"


@DRIVERS
async def test_the_callers_settings_arrive(driver: str, database_url: str) -> None:
    settings = {"statement_timeout": "5000", "search_path": r'"a \ b", "c"'}
    show = partial(ask, by(driver, database_url), settings=settings)

    assert await show("SHOW statement_timeout") == "5s"
    assert await show("SHOW search_path") == r'"a \ b", "c"'


async def test_settings_inside_options_arrive_as_neons_proxy_forwards_them(
    database_url: str,
) -> None:
    url = PostgresURL.parse(database_url)
    arguments = asyncpg_arguments(
        url.parameters,
        hosts=url.hosts,
        settings={"search_path": r'"a \ b"', "application_name": "x"},
        through_neon=True,
        prepared_statements=True,
    )
    assert set(arguments["server_settings"]) == {"options", "application_name"}
    engine = create_async_engine(url.sqlalchemy_url(), connect_args=arguments, poolclass=NullPool)
    async with engine.connect() as connection:
        shown = await connection.scalar(text("SHOW search_path"))
    await engine.dispose()

    assert shown == r'"a \ b"'


@pytest.fixture
def odd_names(databases: Databases) -> Iterator[tuple[str, str]]:
    """A role and a database whose names and password are made of reserved characters."""
    # No comma in the role's name: asyncpg puts the name unescaped into its SCRAM message.
    name = f"odd {RESERVED.replace(',', '')}"
    quoted, password = name.replace('"', '""'), RESERVED.replace("'", "''")
    databases.execute(f"""CREATE ROLE "{quoted}" LOGIN PASSWORD '{password}'""")
    databases.execute(f'CREATE DATABASE "{quoted}" OWNER "{quoted}" TEMPLATE template0')
    yield name, RESERVED
    databases.execute(f'DROP DATABASE "{quoted}" WITH (FORCE)')
    databases.execute(f'DROP ROLE "{quoted}"')


@DRIVERS
async def test_reserved_characters_in_user_password_and_database(
    driver: str, odd_names: tuple[str, str], postgres: EmbeddedPostgres
) -> None:
    name, password = (quote(each, safe="") for each in odd_names)
    url = f"postgresql+{driver}://{name}:{password}@127.0.0.1:{postgres.port}/{name}"

    assert await ask(url, "SELECT current_user || current_database()") == odd_names[0] * 2


@DRIVERS
@pytest.mark.parametrize("sslmode", ["disable", "allow", "prefer"])
async def test_a_server_without_tls_is_reached_where_tls_is_optional(
    driver: str, sslmode: str, database_url: str
) -> None:
    url = f"{by(driver, database_url)}?sslmode={sslmode}"

    assert await ask(url, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") is False


@DRIVERS
@pytest.mark.parametrize("query", ["sslmode=require", "sslrootcert=system"])
async def test_a_server_without_tls_is_refused_where_tls_is_required(
    driver: str, query: str, database_url: str
) -> None:
    with pytest.raises((OSError, DBAPIError), match="SSL"):
        await ask(f"{by(driver, database_url)}?{query}", "SELECT 1")


@DRIVERS
async def test_the_next_host_is_tried_when_the_first_is_dead(
    driver: str, database_url: str, postgres: EmbeddedPostgres
) -> None:
    async with TCPProxy("127.0.0.1", postgres.port) as dead:
        await dead.refuse()
        hosts = f"127.0.0.1:{dead.port},localhost:{postgres.port}"
        url = at(by(driver, database_url), hosts)

        assert await ask(url, "SELECT 1") == 1


@DRIVERS
@pytest.mark.parametrize(
    ("attrs", "is_found"),
    [
        ("any", True),
        ("read-write", True),
        ("primary", True),
        ("prefer-standby", True),
        ("read-only", False),
        ("standby", False),
    ],
)
async def test_only_a_server_with_the_wanted_attributes_is_taken(
    driver: str, attrs: str, is_found: bool, database_url: str
) -> None:
    url = f"{by(driver, database_url)}?target_session_attrs={attrs}"

    if is_found:
        assert await ask(url, "SELECT 1") == 1
    else:
        with pytest.raises((DBAPIError, asyncpg.TargetServerAttributeNotMatched)):
            await ask(url, "SELECT 1")


@DRIVERS
@pytest.mark.parametrize("loopback", _LOOPBACKS)
async def test_addresses_of_both_kinds_are_reached(
    driver: str, loopback: str, database_url: str, postgres: EmbeddedPostgres
) -> None:
    async with LoopbackProxy(loopback, to=postgres.port) as proxy:
        shown = f"[{loopback}]" if ":" in loopback else loopback
        url = at(by(driver, database_url), f"{shown}:{proxy.port}")

        assert await ask(url, "SELECT 1") == 1


@DRIVERS
@pytest.mark.parametrize("form", ["host", "parameter"])
async def test_a_unix_socket_is_reached_and_knows_no_tls(
    driver: str,
    form: str,
    database_url: str,
    postgres: EmbeddedPostgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    directory = tmp_path_factory.mktemp("socket")
    async with SocketProxy(directory / ".s.PGSQL.5433", to=postgres.port):
        if form == "host":
            url = at(by(driver, database_url), f"{quote(str(directory), safe='')}:5433") + "?"
        else:
            url = at(by(driver, database_url), "") + f"?host={directory}&port=5433&"

        assert await ask(f"{url}sslmode=verify-full", "SELECT 1") == 1


@DRIVERS
async def test_the_environment_does_not_leak_in(
    driver: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "PGHOST": "192.0.2.1",
        "PGHOSTADDR": "192.0.2.1",
        "PGPORT": "1",
        "PGUSER": "nobody",
        "PGPASSWORD": "wrong",
        "PGDATABASE": "nothing",
        "PGOPTIONS": "-c search_path=leak",
        "PGAPPNAME": "leak",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/nowhere/root.crt",
        "PGTARGETSESSIONATTRS": "standby",
        "PGCHANNELBINDING": "require",
    }.items():
        monkeypatch.setenv(name, value)
    url = by(driver, database_url)

    shown = await ask(url, "SELECT current_setting('application_name')")
    assert shown == ""
    assert await ask(url, "SHOW search_path") == '"$user", public'


@DRIVERS
async def test_a_missing_password_is_not_taken_from_the_environment(
    driver: str,
    database_url: str,
    postgres: EmbeddedPostgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGPASSWORD", postgres.password)
    url = by(driver, database_url).replace(f":{postgres.password}@", "@")

    # SQLAlchemy 2.0 passes on what asyncpg raises in connecting.
    with pytest.raises((DBAPIError, asyncpg.PostgresError), match="password"):
        await ask(url, "SELECT 1")
