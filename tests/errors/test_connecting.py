"""Failures to connect, each met for real, with both drivers."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.staging.databases import Databases
from tests.staging.pki import PKI, TLSPostgres
from tests.staging.proxy import TCPProxy
from tests.staging.refusing import RefusingServer
from wellhead import (
    AuthenticationError,
    ConnectError,
    Database,
    DatabaseNotFoundError,
    DatabaseSettings,
    Fault,
    StartingError,
    TLSError,
    TooManyConnectionsError,
    UnreachableError,
    classify,
)
from wellhead.errors import connect_error

Locate = Callable[..., str]

SECRET = "kept-to-ourselves"


async def refusal(url: str) -> ConnectError:
    """What opening a database raises, checked for what is true of each."""
    settings = DatabaseSettings(url=url, connect_retry_count=1, connect_timeout=1)
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
    assert error.hint == "Check the host, the port and the network, and that the server runs."
    assert error.can_retry
    assert classify(error).fault is Fault.UNREACHABLE


async def test_a_host_with_several_addresses_is_refused_once(
    locate: Locate, proxy: TCPProxy
) -> None:
    await proxy.refuse()
    error = await refusal(locate(host="localhost"))

    assert error.args[0] == f"Could not connect to localhost:{proxy.port}: Connection refused."


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
    error = await refusal(locate())

    assert type(error) is UnreachableError
    assert error.args[0] == f"Could not connect to 127.0.0.1:{proxy.port}: no answer within 1 s."
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


async def test_the_sqlstate_is_kept_where_the_driver_tells_it(locate: Locate, scheme: str) -> None:
    error = await refusal(locate(database="elsewhere"))

    told = {"postgresql": "3D000", "postgresql+psycopg": None}[scheme]
    assert error.sqlstate == told
    assert ("(SQLSTATE 3D000)" in error.args[0]) == (told is not None)


async def test_the_drivers_own_error_is_the_cause(locate: Locate, proxy: TCPProxy) -> None:
    await proxy.refuse()
    error = await refusal(locate())

    assert type(error.__cause__).__module__.partition(".")[0] in {"builtins", "psycopg"}


NEON = [
    ("Couldn't connect to compute node", StartingError),
    ("Control plane request failed", StartingError),
    ("Control plane request failed: endpoint is being started", StartingError),
    ("Too many connections attempts", TooManyConnectionsError),
    ("active endpoints limit exceeded", TooManyConnectionsError),
    ("Failed to acquire permit to connect to the database.", TooManyConnectionsError),
    ("The requested endpoint could not be found, or you don't have access to it.",
     DatabaseNotFoundError),
    ("Endpoint ID is not specified.", ConnectError),
    ("Inconsistent project name inferred from SNI ('a') and project option ('b').", ConnectError),
    ("password authentication failed for user 'app'", AuthenticationError),
    ("something new", ConnectError),
]  # fmt: skip
"""What Neon's proxy says, all of it with the code XX000."""

FROM_SERVERS = [
    ("28000", 'role "guest" is not permitted to log in', AuthenticationError),
    ("28P01", "password authentication failed for user", AuthenticationError),
    ("3D000", 'database "elsewhere" does not exist', DatabaseNotFoundError),
    ("57P03", "the database system is starting up", StartingError),
    ("57P03", "the database system is shutting down", StartingError),
    ("57P03", "the database system is in recovery mode", StartingError),
    ("53300", "sorry, too many clients already", TooManyConnectionsError),
    ("53300", "remaining connection slots are reserved for roles with the SUPERUSER attribute",
     TooManyConnectionsError),
    ("08P01", "no more connections allowed (max_client_conn)", TooManyConnectionsError),
    ("08P01", "unsupported startup parameter: jit", ConnectError),
    ("08P01", "no such database: elsewhere", DatabaseNotFoundError),
    ("08P01", "server login has been failing, try again later (server_login_retry)",
     UnreachableError),
    ("08P01", "something new", ConnectError),
    *(("XX000", text, kind) for text, kind in NEON),
]  # fmt: skip
"""What servers and poolers say at the start of a connection."""


@pytest.mark.parametrize(("sqlstate", "text", "kind"), FROM_SERVERS)
async def test_a_refusal_is_told_by_its_code_or_by_its_text(
    locate: Locate, scheme: str, sqlstate: str, text: str, kind: type[ConnectError]
) -> None:
    async with RefusingServer(sqlstate, text) as server:
        error = await refusal(locate(port=server.port))

    code = f" (SQLSTATE {sqlstate})" if scheme == "postgresql" else ""
    assert type(error) is kind
    assert error.args[0] == (
        f"Could not connect to 127.0.0.1:{server.port}: {text.rstrip('.')}{code}."
    )
    assert not classify(error).outcome_unknown


async def test_a_server_that_stops_during_the_start_may_be_tried_again(
    locate: Locate, scheme: str
) -> None:
    text = "terminating connection due to administrator command"
    async with RefusingServer("57P01", text) as server:
        error = await refusal(locate(port=server.port))

    # Where psycopg hides the code it is taken for a server that is starting.
    assert type(error) is (UnreachableError if scheme == "postgresql" else StartingError)
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
