"""Every failure that the doctor must name first, staged for real."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.staging.pki import PKI, TLSPostgres
from tests.staging.refusing import RefusingServer
from wellhead.doctor import Wishes
from wellhead.embedded import EmbeddedPostgres
from wellhead.embedded.ports import quiet_port

Stage = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Wishes]]
STAGES: dict[str, Stage] = {}

# A stage may be set up more than once.
_NUMBERS = itertools.count(1)


def stage(name: str) -> Callable[[Callable[[pytest.FixtureRequest], AsyncIterator[Wishes]]], Stage]:
    """Register a stage under what a reader calls the failure."""

    def register(function: Callable[[pytest.FixtureRequest], AsyncIterator[Wishes]]) -> Stage:
        STAGES[name] = asynccontextmanager(function)
        return STAGES[name]

    return register


def at(url: str, place: str) -> str:
    """The same URL with another user, password, host or port."""
    return urlunsplit(urlsplit(url)._replace(netloc=place))


@asynccontextmanager
async def connected(url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection of another client."""
    connection = await asyncpg.connect(url)
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
    yield Wishes(url=f"postgresql://app:secret@127.0.0.1:{quiet_port()}/shop")


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


@stage("an expired certificate")
async def expired(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    pki: PKI = request.getfixturevalue("pki")
    ended = datetime.now(UTC) - timedelta(days=3)
    name = f"expired-{next(_NUMBERS)}"
    certificate = pki.issue(name, "127.0.0.1", ends=ended)
    with pki.postgres(name, certificate=certificate) as server:
        yield Wishes(url=f"{server.url}?sslmode=verify-full&sslrootcert={pki.ca_file}")


@stage("a self-signed certificate")
async def self_signed(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    pki: PKI = request.getfixturevalue("pki")
    name = f"self-signed-{next(_NUMBERS)}"
    certificate = pki.sign_by_itself(name, "127.0.0.1")
    with pki.postgres(name, certificate=certificate) as server:
        yield Wishes(url=f"{server.url}?sslmode=verify-full&sslrootcert={pki.ca_file}")


@stage("a private authority")
async def private_authority(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    server: TLSPostgres = request.getfixturevalue("tls_postgres")
    pki: PKI = request.getfixturevalue("pki")
    yield Wishes(url=f"{server.url}?sslmode=verify-full&sslrootcert={pki.stranger_ca_file}")


@stage("a certificate for another host")
async def wrong_host(request: pytest.FixtureRequest) -> AsyncIterator[Wishes]:
    server: TLSPostgres = request.getfixturevalue("wrong_host_postgres")
    pki: PKI = request.getfixturevalue("pki")
    yield Wishes(url=f"{server.url}?sslmode=verify-full&sslrootcert={pki.ca_file}")


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
