"""Failures to connect, each met for real, with both drivers."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.staging.databases import Databases
from tests.staging.pki import PKI, TLSPostgres
from tests.staging.refusing import RefusingServer
from wellhead import (
    AuthenticationError,
    ConnectError,
    Database,
    DatabaseNotFoundError,
    DatabaseSettings,
    Fault,
    TLSError,
    TooManyConnectionsError,
    UnreachableError,
    classify,
)
from wellhead.connecting import addresses as resolving
from wellhead.errors.connecting import connect_error
from wellhead.testing.proxy import TCPProxy

Locate = Callable[..., str]

SECRET = "kept-to-ourselves"

WITHOUT_ROUTE = "ff0e::1"
"""A multicast address: on every machine the system refuses TCP to it for want of a route."""

Resolve = Callable[[str, list[str]], None]


async def refusal(url: str, *, connect_timeout: float = 20) -> ConnectError:
    """What opening a database raises, checked for what is true of each."""
    settings = DatabaseSettings(url=url, connect_retry_count=1, connect_timeout=connect_timeout)
    with pytest.raises(ConnectError) as caught:
        await Database(settings).open()
    error = caught.value
    assert error.hint is not None
    assert str(error) == f"{error.args[0]}\n{error.hint}"
    assert SECRET not in repr(error) + str(error)
    assert classify(error).http_status == 503
    assert classify(error).is_transient == error.can_retry
    return error


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Lets host names have these addresses, for both drivers."""
    known: dict[str, list[str]] = {}
    ask = socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **keywords: Any) -> list[Any]:
        names = known.get(host, [host])
        return [found for name in names for found in ask(name, port, *args, **keywords)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(resolving, "_PATIENCE", 60.0)
    return known.__setitem__


@pytest.fixture
def role(databases: Databases) -> Iterator[str]:
    """A role with few rights, whose password is SECRET."""
    databases.execute(f"CREATE ROLE limited LOGIN PASSWORD '{SECRET}' CONNECTION LIMIT 1")
    yield "limited"
    databases.execute("DROP ROLE limited")


async def test_a_server_that_is_down_is_unreachable(locate: Locate, proxy: TCPProxy) -> None:
    await proxy.refuse()
    error = await refusal(locate())

    assert type(error) is UnreachableError
    assert error.args[0] == f"Could not connect to 127.0.0.1:{proxy.port}: Connection refused."
    assert error.hint == "Check the host, the port and the network, and that the server is running."
    assert error.can_retry
    assert classify(error).fault is Fault.UNREACHABLE


async def test_a_host_with_several_addresses_is_refused_once(
    locate: Locate, proxy: TCPProxy
) -> None:
    await proxy.refuse()
    error = await refusal(locate(host="localhost"))

    assert error.args[0] == f"Could not connect to localhost:{proxy.port}: Connection refused."


@pytest.mark.parametrize("addresses", [["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"]])
async def test_of_several_addresses_the_one_that_answered_is_told(
    locate: Locate, resolve: Resolve, addresses: list[str]
) -> None:
    resolve("db.example", addresses)
    async with RefusingServer("XX000", "Tenant or user not found") as server:
        error = await refusal(locate(host="db.example", port=server.port))

    assert type(error) is AuthenticationError
    assert error.args[0] == (
        f"Could not connect to db.example:{server.port}: Tenant or user not found (SQLSTATE XX000)."
    )


async def test_a_host_with_ipv6_only_and_no_route_is_named_as_that(
    locate: Locate, resolve: Resolve
) -> None:
    resolve("db.example", [WITHOUT_ROUTE])
    error = await refusal(locate(host="db.example", port=5432))

    assert type(error) is UnreachableError
    assert error.args[0].startswith(
        "Could not connect to db.example: it has IPv6 addresses only, and there is no route to "
        "them ("
    )
    assert "IPv4" in str(error.hint)
    assert error.can_retry


async def test_several_hosts_with_ipv6_only_and_no_route_are_named_as_that(
    locate: Locate, resolve: Resolve
) -> None:
    resolve("a.example", [WITHOUT_ROUTE])
    resolve("b.example", [WITHOUT_ROUTE])
    error = await refusal(locate(host="a.example:5432,b.example", port=5432))

    assert "IPv6 addresses only" in error.args[0]


@pytest.mark.parametrize("addresses", [["127.0.0.1", WITHOUT_ROUTE], [WITHOUT_ROUTE, "127.0.0.1"]])
async def test_a_host_with_an_ipv4_address_is_not_blamed_on_ipv6(
    locate: Locate, resolve: Resolve, proxy: TCPProxy, addresses: list[str]
) -> None:
    resolve("db.example", addresses)
    await proxy.refuse()
    error = await refusal(locate(host="db.example"))

    assert error.args[0] == f"Could not connect to db.example:{proxy.port}: Connection refused."


async def test_a_host_name_that_nobody_knows_is_unreachable(locate: Locate) -> None:
    error = await refusal(locate(host="nowhere.invalid", port=5432))

    assert type(error) is UnreachableError
    assert error.args[0].startswith(
        "Could not connect to nowhere.invalid: the host name was not found ("
    )
    assert error.can_retry


async def test_a_host_name_that_cannot_be_is_not_tried_again(locate: Locate) -> None:
    error = await refusal(locate(host=f"{'a' * 70}.invalid", port=5432))

    assert type(error) is ConnectError
    assert not error.can_retry


async def test_silence_is_unreachable_after_the_connect_timeout(
    locate: Locate, proxy: TCPProxy
) -> None:
    proxy.stall()
    error = await refusal(locate(), connect_timeout=1)

    assert type(error) is UnreachableError
    assert error.args[0] == f"Could not connect to 127.0.0.1:{proxy.port}: no response within 1 s."
    assert error.can_retry


async def test_a_server_that_hangs_up_at_once_is_unreachable(locate: Locate) -> None:
    async with TCPProxy("127.0.0.1", 1) as dead_end:
        error = await refusal(locate(port=dead_end.port))

    assert type(error) is UnreachableError
    assert error.can_retry


async def test_a_socket_that_is_not_there_is_unreachable(scheme: str, tmp_path: Path) -> None:
    error = await refusal(f"{scheme}:///database?user=somebody&host={tmp_path}")

    assert type(error) is UnreachableError
    assert error.args[0].endswith(": No such file or directory.")


async def test_a_wrong_password_is_refused_for_good(
    locate: Locate, role: str, proxy: TCPProxy
) -> None:
    error = await refusal(locate(user=role, password="wrong"))

    assert type(error) is AuthenticationError
    assert error.args[0].startswith(
        f"Could not connect to 127.0.0.1:{proxy.port}: "
        f'password authentication failed for user "{role}"'
    )
    assert "password" in str(error.hint)
    assert not error.can_retry


async def test_an_unknown_role_is_refused_for_good(locate: Locate) -> None:
    error = await refusal(locate(user="nobody", password=SECRET))

    assert type(error) is AuthenticationError
    assert 'password authentication failed for user "nobody"' in error.args[0]
    assert not error.can_retry


async def test_a_role_that_may_not_log_in_is_refused_for_good(
    locate: Locate, role: str, databases: Databases
) -> None:
    databases.execute(f"ALTER ROLE {role} NOLOGIN")
    error = await refusal(locate(user=role, password=SECRET))

    assert type(error) is AuthenticationError
    assert "is not permitted to log in" in error.args[0]


async def test_a_role_that_may_not_enter_the_database_is_refused_for_good(
    locate: Locate, role: str, databases: Databases, database_url: str
) -> None:
    name = database_url.rpartition("/")[2]
    databases.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
    error = await refusal(locate(user=role, password=SECRET, database=name))

    assert type(error) is AuthenticationError
    assert f'permission denied for database "{name}"' in error.args[0]


async def test_an_unknown_database_is_refused_for_good(locate: Locate) -> None:
    error = await refusal(locate(database="elsewhere"))

    assert type(error) is DatabaseNotFoundError
    assert 'database "elsewhere" does not exist' in error.args[0]
    assert not error.can_retry
    assert classify(error).fault is Fault.DATABASE_NOT_FOUND


async def test_a_parameter_that_the_server_does_not_know_is_refused_for_good(
    locate: Locate,
) -> None:
    error = await refusal(locate(query="options=-c%20nonsense%3D1"))

    assert type(error) is ConnectError
    assert 'unrecognized configuration parameter "nonsense"' in error.args[0]
    assert not error.can_retry
    assert classify(error).fault is Fault.REFUSED


async def test_one_connection_too_many_may_be_tried_again(locate: Locate, role: str) -> None:
    url = locate(user=role, password=SECRET)
    async with Database(DatabaseSettings(url=url, pool_mode="pool")):
        error = await refusal(url)

    assert type(error) is TooManyConnectionsError
    assert f'too many connections for role "{role}"' in error.args[0]
    assert "DATABASE_POOL_SIZE" in str(error.hint)
    assert error.can_retry


async def test_a_server_without_tls_is_refused_where_tls_is_asked_for(locate: Locate) -> None:
    error = await refusal(locate(query="sslmode=require"))

    assert type(error) is TLSError
    assert "SSL" in error.args[0]
    assert not error.can_retry


async def test_a_certificate_of_a_stranger_is_refused_for_good(
    scheme: str, tls_postgres: TLSPostgres, pki: PKI
) -> None:
    error = await refusal(
        tls_postgres.url.replace("postgresql", scheme, 1)
        + f"?sslmode=verify-full&sslrootcert={pki.stranger_ca_file}"
    )

    assert type(error) is TLSError
    assert "certificate" in error.args[0]
    assert "sslrootcert" in str(error.hint)
    assert not error.can_retry


async def test_a_certificate_for_another_host_is_refused_for_good(
    scheme: str, wrong_host_postgres: TLSPostgres, pki: PKI
) -> None:
    error = await refusal(
        wrong_host_postgres.url.replace("postgresql", scheme, 1)
        + f"?sslmode=verify-full&sslrootcert={pki.ca_file}"
    )

    assert type(error) is TLSError
    assert "certificate" in error.args[0]
    assert "_ssl.c" not in error.args[0]


async def test_a_client_without_encryption_is_refused_for_good(
    scheme: str, tls_postgres: TLSPostgres
) -> None:
    error = await refusal(tls_postgres.url.replace("postgresql", scheme, 1) + "?sslmode=disable")

    assert type(error) is AuthenticationError
    assert "no encryption" in error.args[0]


async def test_the_sqlstate_is_kept(locate: Locate) -> None:
    error = await refusal(locate(database="elsewhere"))

    assert error.sqlstate == "3D000"
    assert "(SQLSTATE 3D000)" in error.args[0]


async def test_the_drivers_own_error_is_the_cause(locate: Locate, proxy: TCPProxy) -> None:
    await proxy.refuse()
    error = await refusal(locate())

    assert type(error.__cause__).__module__.partition(".")[0] in {"builtins", "psycopg"}


async def test_a_server_that_stops_during_the_start_may_be_tried_again(locate: Locate) -> None:
    text = "terminating connection due to administrator command"
    async with RefusingServer("57P01", text) as server:
        error = await refusal(locate(port=server.port))

    assert type(error) is UnreachableError
    assert error.can_retry


async def test_a_server_that_hangs_up_after_the_startup_may_be_tried_again(locate: Locate) -> None:
    async with RefusingServer(is_silent=True) as server:
        error = await refusal(locate(port=server.port))

    assert type(error) is UnreachableError
    assert server.startups >= 1


async def test_a_server_that_hangs_up_when_it_is_asked_for_tls_may_be_tried_again(
    locate: Locate,
) -> None:
    async with TCPProxy("127.0.0.1", 1) as dead_end:
        error = await refusal(locate(port=dead_end.port, query="sslmode=require"))

    assert type(error) is UnreachableError


async def test_a_server_that_dies_when_it_was_offered_tls_may_be_tried_again(
    locate: Locate,
) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        # "No TLS here", and in the same breath the last words of a server that was killed.
        writer.write(b"NE\0\0\0\x0fC57P02\0")
        writer.close()

    server = await asyncio.start_server(die, "127.0.0.1", 0)
    async with server:
        error = await refusal(locate(port=server.sockets[0].getsockname()[1]))

    assert type(error) is UnreachableError
    assert error.can_retry


def test_a_handshake_that_is_cut_is_unreachable_and_no_fault_of_certificates() -> None:
    raised = ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF] EOF occurred (_ssl.c:1006)")
    error = connect_error(raised, target="h", timeout=1)

    assert type(error) is UnreachableError
    assert error.args[0] == "Could not connect to h: EOF occurred."


def test_a_handshake_that_fails_is_a_fault_of_tls() -> None:
    error = connect_error(ssl.SSLError(1, "wrong version number"), target="h", timeout=1)

    assert type(error) is TLSError


def test_asyncpgs_own_words_name_the_fault_where_no_server_spoke() -> None:
    raised = asyncpg.exceptions.ClientConfigurationError('root certificate file "x" does not exist')

    assert type(connect_error(raised, target="h", timeout=1)) is TLSError


def test_an_error_without_words_is_named_by_its_class() -> None:
    error = connect_error(ValueError(), target="h", timeout=1)

    assert error.args[0] == "Could not connect to h: ValueError."
    assert type(error) is ConnectError
