"""The proxy: it knows the compute by name, wakes it for its clients, and counts."""

import asyncio
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote, urlsplit, urlunsplit

from tests.staging.neon import messages
from tests.staging.neon.compute import Compute, Session, StoppedPostgres
from tests.staging.neon.greeting import Client, greet
from tests.staging.neon.relay import Relay, Traffic
from tests.staging.pgbouncer import Kind
from tests.staging.pki import PKI
from wellhead.testing import framing

ENDPOINT: Final = "ep-cool-darkness-a1b2c3d4"
"""The one compute that there is."""

DOMAIN: Final = "us-east-2.aws.neon.tech"

RESOLVER: Final = Path(__file__).with_name("resolver")

_POOLER: Final = "-pooler"
_FORWARDED: Final[tuple[str, ...]] = (
    "user",
    "database",
    "application_name",
    "replication",
    "options",
)
_NAMED: Final = "endpoint="
_BACKLOG: Final = 512


class ProxyError(StrEnum):
    """What Neon's proxy says itself, always with SQLSTATE XX000."""

    COULD_NOT_CONNECT = "Couldn't connect to compute node"
    CONTROL_PLANE = "Control plane request failed"
    TOO_MANY_ATTEMPTS = "Too many connections attempts"
    NO_PERMIT = (
        "Failed to acquire permit to connect to the database. "
        "Too many database connection attempts are currently ongoing."
    )
    RATE_LIMIT = "You've exceeded the rate limit. Please wait a moment and try again."
    ACTIVE_ENDPOINTS = "active endpoints limit exceeded"
    NO_ENDPOINT = (
        "The requested endpoint could not be found, or you don't have access to it. "
        "Please check the provided ID and try again."
    )
    NO_NAME = (
        "Endpoint ID is not specified. Either please upgrade the postgres client library (libpq) "
        "for SNI support or pass the endpoint ID (first part of the domain name) as a parameter: "
        "'?options=endpoint%3D<endpoint-id>'."
    )
    TWO_NAMES = "Inconsistent project name inferred from SNI and project option."
    INSECURE = "connection is insecure (try using `sslmode=require`)"


class _RefusalError(Exception):
    """The proxy answers this connection by itself."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What has happened since the stage was set up.

    Attributes:
        starts: Times the compute was started.
        suspends: Times it fell asleep.
        connections: Connections that clients opened to the proxy, whatever became of them.
        reached: Connections that were passed on to the compute or its pooler.
        bytes_to_compute: Bytes that clients sent past the proxy, without TLS.
        bytes_from_compute: Bytes that came back.
    """

    starts: int = 0
    suspends: int = 0
    connections: int = 0
    reached: int = 0
    bytes_to_compute: int = 0
    bytes_from_compute: int = 0


class StagedNeon:
    """A staged Neon with one compute, `ENDPOINT`, on a free port of 127.0.0.1.

    It runs in the event loop of the test; the compute begins asleep. It takes TLS only, both ways
    of negotiating it, and wants to be told the endpoint by SNI or by ``options=endpoint%3D...``.
    The first connection starts the compute, and it and all others are held until then.

    >>> async with StagedNeon(server, pki, directory, suspend_after=1.0) as neon:
    ...     url = neon.url(pooled=True)   # Neon's own form; needs `environment` or `neon_names`
    ...     url = neon.address_url()      # by address and ``options``; needs nothing
    ...     neon.refuse(ProxyError.CONTROL_PLANE, times=2)
    ...     await neon.wait_until_asleep()
    ...     before = neon.figures()

    Args:
        server: The compute's PostgreSQL; `prepare` makes one.
        pki: Whose authority signs the certificate.
        directory: For files of its own.
        start_delay: Seconds that starting the compute takes, in addition to PostgreSQL's own.
        suspend_after: Seconds without any statement or transaction until it sleeps; None for
            never. Open connections do not count.
        pooler: The PgBouncer next to the server, which sleeps and wakes with it; None for none.
    """

    def __init__(
        self,
        server: StoppedPostgres,
        pki: PKI,
        directory: Path,
        *,
        start_delay: float = 0.2,
        suspend_after: float | None = None,
        pooler: Kind | None = None,
    ) -> None:
        self.compute = Compute(
            server,
            directory,
            start_delay=start_delay,
            suspend_after=suspend_after,
            pooler=pooler,
        )
        self._server_url = server.url
        self._pki = pki
        self._certificate = pki.issue("neon", f"*.{DOMAIN}", "127.0.0.1")
        self._listener = socket.socket(proto=socket.IPPROTO_TCP)
        self._links: set[asyncio.Task[None]] = set()
        self._errors: list[BaseException] = []
        self._accepting: asyncio.Task[None] | None = None
        self._refusal: str | None = None
        self._refusals_left: float = 0
        self._connections = 0
        self._traffic = Traffic()

    async def __aenter__(self) -> Self:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(_BACKLOG)
        self._listener.setblocking(False)
        self._accepting = asyncio.create_task(self._accept())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._accepting is not None
        tasks = {self._accepting, *self._links}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        self._listener.close()
        await self.compute.suspend()
        if self._errors:
            raise BaseExceptionGroup("the stage itself failed", self._errors)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def environment(self) -> dict[str, str]:
        """What lets a Python program find and trust it under Neon's name, as `url` writes it."""
        root = Path(__file__).parents[3]
        return {
            "PYTHONPATH": os.pathsep.join([str(RESOLVER), str(root)]),
            "SSL_CERT_FILE": str(self._pki.ca_file),
        }

    def figures(self) -> Figures:
        """What has happened so far."""
        return Figures(
            self.compute.starts,
            self.compute.suspends,
            self._connections,
            self._traffic.reached,
            self._traffic.to_compute,
            self._traffic.from_compute,
        )

    def url(self, *, pooled: bool = False) -> str:
        """The way to the server's database, as Neon prints it.

        Its clients must find the host and trust the authority: see `environment`.
        """
        host = f"{ENDPOINT}{_POOLER if pooled else ''}.{DOMAIN}"
        return self._at(host, "sslmode=require")

    def address_url(self, *, pooled: bool = False) -> str:
        """The same way by address, with the endpoint in ``options`` and the authority named."""
        endpoint = f"{ENDPOINT}{_POOLER if pooled else ''}"
        query = (
            f"options={quote(f'endpoint={endpoint}', safe='')}"
            f"&sslmode=verify-full&sslrootcert={self._pki.ca_file}"
        )
        return self._at("127.0.0.1", query)

    def refuse(self, text: str, *, times: float = float("inf")) -> None:
        """Answer the next connections with an error of the proxy; the compute learns nothing."""
        self._refusal, self._refusals_left = text, times

    def accept(self) -> None:
        """Refuse no connection any more."""
        self._refusal, self._refusals_left = None, 0

    async def suspend(self) -> None:
        """Send the compute to sleep now, as an operator can."""
        await self.compute.suspend()

    async def wait_until_asleep(self) -> None:
        """Return once the compute sleeps."""
        await self.compute.wait_until_asleep()

    def _at(self, host: str, query: str) -> str:
        parts = urlsplit(self._server_url)
        place = f"{parts.username}:{parts.password}@{host}:{self.port}"
        return urlunsplit(parts._replace(netloc=place, query=query))

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            self._connections += 1
            task = asyncio.create_task(self._serve(connection))
            self._links.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._links.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(error)

    async def _serve(self, connection: socket.socket) -> None:
        # What clients do wrong, and that they go away, ends their own connection only.
        with connection, suppress(OSError, EOFError):
            client = await greet(connection, self._certificate)
            try:
                await self._converse(client)
            finally:
                client.writer.transport.abort()

    async def _converse(self, client: Client) -> None:
        code, body = await framing.read_start(client.reader)
        if code == framing.CANCEL_REQUEST:
            await self._cancel(body)
            return
        try:
            await self._pass_on(client, messages.read_parameters(body))
        except _RefusalError as refusal:
            client.writer.write(framing.refusal("XX000", str(refusal)))
            await client.hang_up()

    async def _pass_on(self, client: Client, parameters: dict[str, str]) -> None:
        if not client.is_encrypted:
            raise _RefusalError(ProxyError.INSECURE)
        endpoint = _endpoint(client.name, parameters.get("options", ""))
        if self._refusal is not None and self._refusals_left > 0:
            self._refusals_left -= 1
            raise _RefusalError(self._refusal)
        start = messages.write_start(messages.PROTOCOL_3, _forwarded(parameters))
        async with self.compute.session(is_pooled=endpoint.endswith(_POOLER)) as session:
            compute = await self._reach(session)
            await Relay(session, client, compute, self._traffic).run(start)

    async def _reach(self, session: Session) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            streams = await asyncio.open_connection("127.0.0.1", self.compute.port(session))
        except OSError as error:
            raise _RefusalError(ProxyError.COULD_NOT_CONNECT) from error
        self._traffic.reached += 1
        return streams

    async def _cancel(self, key: bytes) -> None:
        """Pass on a request to cancel a statement; it does not wake the compute."""
        session = self.compute.session_of(key)
        if session is None or not self.compute.is_awake:
            return
        _, to_compute = await self._reach(session)
        to_compute.write(messages.write_start(framing.CANCEL_REQUEST, key))
        to_compute.close()
        await to_compute.wait_closed()


def _endpoint(name: str | None, options: str) -> str:
    """The endpoint that a client means, with ``-pooler`` where it wants that."""
    asked = {word.partition("=")[2] for word in options.split() if word.startswith(_NAMED)}
    if name is not None:
        asked.add(name.partition(".")[0].lower())
    if not asked:
        raise _RefusalError(ProxyError.NO_NAME)
    if len(asked) > 1:
        raise _RefusalError(ProxyError.TWO_NAMES)
    endpoint = asked.pop()
    if endpoint.removesuffix(_POOLER) != ENDPOINT:
        raise _RefusalError(ProxyError.NO_ENDPOINT)
    return endpoint


def _forwarded(parameters: dict[str, str]) -> bytes:
    """What the compute gets to see of a client's StartupMessage."""
    kept = {name: parameters[name] for name in _FORWARDED if name in parameters}
    words = kept.pop("options", "").split()
    if options := " ".join(word for word in words if not word.startswith(_NAMED)):
        kept["options"] = options
    return messages.write_parameters({**kept, "client_encoding": "UTF8"})
