"""Every failure that the doctor must name first, staged for real."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.staging.given import Postgres
from tests.staging.neon import StagedNeon, StoppedPostgres
from tests.staging.patience import until
from tests.staging.pgbouncer import Kind, PgBouncer
from tests.staging.pki import PKI, TLSPostgres
from tests.staging.ports import reserve_port
from tests.staging.refusing import RefusingServer
from tests.staging.scripts import POND, Scripts
from tests.staging.streaming import Replication, Standby
from wellhead import DatabaseSettings
from wellhead.doctor import Wishes
from wellhead.embedded import EmbeddedPostgres
from wellhead.embedded.account import server_account
from wellhead.embedded.watch import DATA

Stage = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Wishes]]
STAGES: dict[str, Stage] = {}
"""Every stage, by what a reader calls the failure."""

POOLED: set[str] = set()
"""Those that need a PgBouncer; tests/poolers tries them."""

# A stage may be set up more than once.
_NUMBERS = itertools.count(1)


Staging = Callable[[pytest.FixtureRequest], AsyncIterator[Wishes]]


def stage(name: str, *, needs_pooler: bool = False) -> Callable[[Staging], Stage]:
    """Register a stage."""

    def register(function: Staging) -> Stage:
        STAGES[name] = asynccontextmanager(function)
        if needs_pooler:
            POOLED.add(name)
        return STAGES[name]

    return register


def at(url: str, place: str) -> str:
    """The same URL with another user, password, host or port."""
    return urlunsplit(urlsplit(url)._replace(netloc=place))


@asynccontextmanager
async def connected(
    url: str, **arguments: Any
) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection of another client."""
    connection = await asyncpg.connect(url, **arguments)
    try:
        yield connection
    finally:
        await connection.close()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[int]:
    """A port on which something talks to each client; ends when all clients are gone."""
    talking: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking.add(asyncio.current_task())
        with suppress(ConnectionError):
            await talk(reader, writer)
            writer.close()
            await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.gather(*filter(None, talking))


@stage("nothing is set")
async def nothing(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    del request
    yield Wishes()


@stage("a password with an unescaped character")
async def unescaped(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    del request
    yield Wishes(url="postgresql://app:p@ss/word@127.0.0.1/shop")


@stage("a host name with a typo")
async def typo(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")

    def refuse(*_args: object, **_keywords: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    patch.setattr(socket, "getaddrinfo", refuse)
    yield Wishes(url="postgresql://app:secret@db.example/shop")


@stage("IPv6 addresses only")
async def ipv6_only(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    del request
    # No machine has a route to a link-local address without its zone.
    yield Wishes(url="postgresql://app:secret@[fe80::1]/shop")


@stage("nothing listens")
async def refused(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    del request
    yield Wishes(url=f"postgresql://app:secret@127.0.0.1:{reserve_port()}/shop")


@stage("a firewall drops the packets")
async def filtered(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    del request
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        # Linux drops what comes while the queue of a socket that accepts nothing is full.
        listener.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        port = listener.getsockname()[1]
        yield Wishes(url=f"postgresql://app:secret@127.0.0.1:{port}/shop?connect_timeout=2")


@stage("a port forward to nothing")
async def hung_up(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    del request

    async def hang_up(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        pass

    async with listening(hang_up) as port:
        yield Wishes(url=f"postgresql://app:secret@127.0.0.1:{port}/shop")


@stage("a web server on the port")
async def web_server(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    del request

    async def complain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(8):
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with listening(complain) as port:
        yield Wishes(url=f"postgresql://app:secret@127.0.0.1:{port}/shop")


@stage("a server without TLS")
async def no_tls(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    url: str = request.getfixturevalue("database_url")
    yield Wishes(url=f"{url}?sslmode=require")


def verifying(url: str, roots: Path) -> Wishes:
    """Verify the server's certificate by these roots."""
    return Wishes(url=f"{url}?sslmode=verify-full&sslrootcert={roots}")


@stage("an expired certificate")
async def expired(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    pki: PKI = request.getfixturevalue("pki")
    ended = datetime.now(UTC) - timedelta(days=3)
    name = f"expired-{next(_NUMBERS)}"
    certificate = pki.issue(name, "127.0.0.1", ends=ended)
    with pki.postgres(name, certificate=certificate) as server:
        yield verifying(server.url, pki.ca_file)


@stage("a self-signed certificate")
async def self_signed(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    pki: PKI = request.getfixturevalue("pki")
    name = f"self-signed-{next(_NUMBERS)}"
    certificate = pki.sign_by_itself(name, "127.0.0.1")
    with pki.postgres(name, certificate=certificate) as server:
        yield verifying(server.url, pki.ca_file)


@stage("a private authority")
async def private_authority(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    server: TLSPostgres = request.getfixturevalue("tls_postgres")
    pki: PKI = request.getfixturevalue("pki")
    yield verifying(server.url, pki.stranger_ca_file)


@stage("a certificate for another host")
async def wrong_host(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    server: TLSPostgres = request.getfixturevalue("wrong_host_postgres")
    pki: PKI = request.getfixturevalue("pki")
    yield verifying(server.url, pki.ca_file)


@stage("one of two hosts whose certificate has expired")
async def one_expired(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    pki: PKI = request.getfixturevalue("pki")
    good: TLSPostgres = request.getfixturevalue("tls_postgres")
    name = f"one-expired-{next(_NUMBERS)}"
    ended = datetime.now(UTC) - timedelta(days=3)
    with pki.postgres(name, certificate=pki.issue(name, "127.0.0.1", ends=ended)) as server:
        places = f"127.0.0.1:{server.server.port},127.0.0.1:{good.server.port}"
        user = urlsplit(good.url).netloc.rpartition("@")[0]
        yield verifying(at(good.url, f"{user}@{places}"), pki.ca_file)


@stage("a server that insists on TLS")
async def insists(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    server: TLSPostgres = request.getfixturevalue("tls_postgres")
    yield Wishes(url=f"{server.url}?sslmode=disable")


@stage("a wrong password")
async def wrong_password(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    url: str = request.getfixturevalue("database_url")
    place = urlsplit(url).netloc.rpartition("@")[2]
    yield Wishes(url=at(url, f"wellhead:wrong-secret@{place}"))


@stage("a database that does not exist")
async def wrong_database(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    url: str = request.getfixturevalue("database_url")
    yield Wishes(url=f"{url}_not")


@stage("a server that is starting")
async def starting(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    del request
    async with RefusingServer("57P03", "the database system is starting up") as server:
        yield Wishes(url=f"postgresql://app:secret@127.0.0.1:{server.port}/shop")


@stage("a server whose connections are all in use")
async def full_server(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    directory: Path = request.getfixturevalue("public_directory")
    options = {
        "max_connections": "6",
        "superuser_reserved_connections": "4",
        "max_wal_senders": "0",
    }
    home = directory / f"full-{next(_NUMBERS)}"
    with EmbeddedPostgres(home, durable=False, options=options) as server:
        async with AsyncExitStack() as held:
            owner = await held.enter_async_context(connected(server.url))
            await owner.execute("CREATE ROLE app LOGIN PASSWORD 'secret'")
            url = at(server.url, f"app:secret@127.0.0.1:{server.port}")
            # The owner's connection is one of those for everybody.
            await held.enter_async_context(connected(url))
            yield Wishes(url=url)


@stage("a pooler that takes no more clients", needs_pooler=True)
async def full_pooler(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    url: str = request.getfixturevalue("database_url")
    with pooler_before(request, Kind("1.24", 0), max_client_conn="1") as pooler:
        async with connected(pooler.url(url).partition("?")[0]):
            yield Wishes(url=pooler.url(url))


@stage("a pooler that the URL does not name", needs_pooler=True)
async def unnamed_pooler(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    url: str = request.getfixturevalue("database_url")
    with pooler_before(request, Kind("1.24", 0)) as pooler:
        yield Wishes(url=pooler.url(url).partition("?")[0])


@stage("a pooler that the URL does not name, and that ignores parameters", needs_pooler=True)
async def lax_pooler(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    url: str = request.getfixturevalue("database_url")
    ignored = "idle_in_transaction_session_timeout,statement_timeout,options"
    with pooler_before(request, Kind("1.24", 0), ignore_startup_parameters=ignored) as pooler:
        yield Wishes(url=pooler.url(url).partition("?")[0])


@stage("prepared statements through an old pooler", needs_pooler=True)
async def old_pooler(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    url: str = request.getfixturevalue("database_url")
    with pooler_before(request, Kind("1.18", None)) as pooler:
        settings = DatabaseSettings(url=pooler.url(url), url_direct=url, prepared_statements="on")
        yield Wishes(source=settings)


@stage("a pooler in session mode that leaves out time limits", needs_pooler=True)
async def ignoring_pooler(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    url: str = request.getfixturevalue("database_url")
    ignored = "idle_in_transaction_session_timeout,statement_timeout"
    options = {"pool_mode": "session", "ignore_startup_parameters": ignored}
    with pooler_before(request, Kind("1.24", 0), **options) as pooler:
        yield Wishes(url=pooler.url(url).partition("?")[0])


@stage("a standby")
async def standby(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    directory: Path = request.getfixturevalue("public_directory")
    server = EmbeddedPostgres(directory / f"standby-{next(_NUMBERS)}", durable=False)
    with server:
        signal = server.data_dir / DATA / "standby.signal"
    signal.touch()
    server_account().give(signal, mode=0o600)
    with server:
        yield Wishes(url=server.url)


@stage("a standby that is behind its primary")
async def lagging(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    replication: Replication = request.getfixturevalue("kept_replication")
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    patch.setattr("wellhead.doctor.checks.standby.LATE", 1e-9)
    async with behind_primary(replication) as late:
        yield Wishes(url=f"{late.url}?target_session_attrs=standby")


@asynccontextmanager
async def behind_primary(replication: Replication) -> AsyncIterator[Standby]:
    """A standby that has received a transaction, and does not replay it."""
    late = replication.standbys[0]
    write = "SELECT pg_logical_emit_message(true, 'doctor', 'late')"
    await replication.restore()
    await replication.primary.ask(write)
    await replication.catch_up()
    await late.pause_replay()
    try:
        await replication.primary.ask(write)
        lsn = await replication.primary.written()
        received = "SELECT pg_last_wal_receive_lsn() >= $1::text::pg_lsn"
        await until(lambda: late.ask(received, lsn))
        yield late
    finally:
        await replication.restore()


@stage("a database that was set to read-only")
async def read_only(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    url: str = request.getfixturevalue("database_url")
    async with connected(url) as owner:
        name = urlsplit(url).path[1:]
        await owner.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        yield Wishes(url=url)


@stage("a transaction that was left open")
async def left_open(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    url: str = request.getfixturevalue("database_url")
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    patch.setattr("wellhead.doctor.checks.activity.LONG", 0.0)
    named = {"application_name": "report"}
    async with connected(url, server_settings=named) as holder, holder.transaction():
        yield Wishes(url=url)


@asynccontextmanager
async def blocking(url: str, *, name: str = "") -> AsyncIterator[Any]:
    """The connection of a session of this name, for whose lock another one waits."""
    named = {"application_name": name}
    async with connected(url, server_settings=named) as holder, connected(url) as waiter:
        await holder.execute("CREATE TABLE pond ()")
        async with holder.transaction():
            await holder.execute("LOCK TABLE pond")
            dropping = asyncio.create_task(waiter.execute("DROP TABLE pond"))
            question = "SELECT cardinality(pg_blocking_pids($1))"
            await until(lambda: holder.fetchval(question, waiter.get_server_pid()))
            yield holder
        await dropping


@stage("a session that waits for a lock")
async def waiting(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    url: str = request.getfixturevalue("database_url")
    async with blocking(url, name="report"):
        yield Wishes(url=url)


@stage("a sleeping database that takes longer to wake than a login may")
async def suspended(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    server: StoppedPostgres = request.getfixturevalue("stopped_postgres")
    pki: PKI = request.getfixturevalue("pki")
    request.getfixturevalue("neon_names")
    directory: Path = request.getfixturevalue("tmp_path")
    async with StagedNeon(server, pki, directory, start_delay=4.0) as neon:
        # libpq has no less than 2 s.
        yield Wishes(url=f"{neon.url()}&connect_timeout=2")


@stage("a schema that lacks migrations")
async def behind(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    url: str = request.getfixturevalue("database_url")
    scripts = Scripts(request.getfixturevalue("tmp_path") / "scripts")
    scripts.add("0001", POND)
    yield Wishes(url=url, scripts=scripts.directory)


@contextmanager
def pooler_before(
    request: pytest.FixtureRequest, kind: Kind, **options: str
) -> Iterator[PgBouncer]:
    """A PgBouncer in front of the server of the tests."""
    postgres: Postgres = request.getfixturevalue("postgres")
    directory: Path = request.getfixturevalue("tmp_path_factory").mktemp("pgbouncer")
    with PgBouncer(kind, postgres.url, directory, options=options) as pooler:
        yield pooler
