"""The network between the tests of an application and its server, in a thread of its own.

An application under test may run in the test's event loop, in the thread of a ``TestClient``, or in
another process: all of them reach the server through this, and none of them has to know.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self, TypeVar

from wellhead.embedded.ports import quiet_port
from wellhead.errors import ConfigurationError
from wellhead.testing.conversation import Conversation, Statements
from wellhead.testing.proxy import TCPProxy
from wellhead.url import Host, PostgresURL

T = TypeVar("T")

_WITHOUT_NEED_OF_TLS = frozenset({"disable", "allow", "prefer"})

_present: "list[Network]" = []


class Network:
    """A proxy in front of one server, for as long as the block lasts.

    >>> with Network(url_of_the_server) as network:
    ...     database = Database(DatabaseSettings(url=network.through(url_of_the_server)))
    ...     with network.present():
    ...         ...  # here count_round_trips() and the faults work

    A URL that insists on TLS, or that names several hosts, is left as it is, and the instruments
    refuse to work there: what is encrypted cannot be counted, and a certificate is for its host.

    Args:
        url: The server's, with any database.

    Attributes:
        refusal: Why nothing goes through it, or None where all does.
        faults_refusal: Why nothing may be broken now, or None where it may.
    """

    def __init__(self, url: str) -> None:
        parsed = PostgresURL.parse(url)
        self.refusal = _why_not(parsed)
        self.faults_refusal: str | None = None
        self._host = parsed.hosts[0]
        self._told: list[Callable[[Statements], None]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="wellhead-network", daemon=True
        )
        self._proxy = self._new_proxy()

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self._begin())
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self.run(self._proxy.__aexit__(None, None, None))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    @property
    def proxy(self) -> TCPProxy:
        """The proxy itself; it belongs to the network's thread, see `run`."""
        return self._proxy

    def through(self, url: str) -> str:
        """The same database of the server through the network."""
        if self.refusal is not None:
            return url
        parsed = PostgresURL.parse(url)
        # A pooler is known by its port, among others.
        parameters = replace(
            parsed.parameters, sslmode="disable", pgbouncer=parsed.is_pooled or None
        )
        host = Host(self._proxy.host, self._proxy.port)
        return replace(parsed, hosts=(host,), parameters=parameters).render(hide_password=False)

    @contextmanager
    def present(self, *, faults_refusal: str | None = None) -> Iterator[Self]:
        """Let the instruments work on this network, in any thread, while the block lasts.

        Args:
            faults_refusal: Why connections must not be broken; None where they may.
        """
        self.faults_refusal = faults_refusal
        _present.append(self)
        try:
            yield self
        finally:
            _present.remove(self)
            self.faults_refusal = None

    @contextmanager
    def telling(self, tell: Callable[[Statements], None]) -> Iterator[None]:
        """Tell of each round trip while the block lasts, in the network's thread.

        Args:
            tell: Called with the statements of each, before the application hears the response.
        """
        self._told.append(tell)
        try:
            yield
        finally:
            self._told.remove(tell)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something to the proxy, and wait until it is done; not in the network's thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _begin(self) -> None:
        while True:
            try:
                await self._proxy.accept()
            except OSError:
                # Another process took the port first.
                self._proxy = self._new_proxy()
            else:
                return

    def _new_proxy(self) -> TCPProxy:
        host = self._host
        return TCPProxy(host.name, host.port, ear=self._listen, own_port=quiet_port())

    def _listen(self) -> Conversation:
        return Conversation(self._tell)

    def _tell(self, statements: Statements) -> None:
        for tell in [*self._told]:
            tell(statements)


def networks(instrument: str, *, breaks: bool = False) -> "list[Network]":
    """The networks on which an instrument works now.

    Args:
        instrument: Its name, for the error.
        breaks: Whether it breaks connections.

    Raises:
        ConfigurationError: There is none, or it may not; the message says why.
    """
    if not _present:
        raise ConfigurationError(
            f"{instrument} has nothing to work on: no database of the pytest plugin is in use.",
            hint="Let the test, or the fixture of its client, ask for the fixture database.",
        )
    for network in _present:
        refusal = network.refusal or (network.faults_refusal if breaks else None)
        if refusal is not None:
            raise ConfigurationError(f"{instrument} cannot work here: {refusal}")
    return [*_present]


def _why_not(url: PostgresURL) -> str | None:
    if url.sslmode not in _WITHOUT_NEED_OF_TLS:
        return (
            f"the URL of the test's server insists on TLS (sslmode={url.sslmode}), and what is "
            "encrypted cannot be read on its way. Test on a server of this machine, without TLS."
        )
    if len(url.hosts) > 1:
        return (
            f"the URL of the test's server names {len(url.hosts)} hosts. Name the one to test on."
        )
    return None
