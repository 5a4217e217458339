"""The network between the tests of an application and its server, in a thread of its own.

An application under test may run in the test's event loop, in the thread of a ``TestClient``, or in
another process: all of them reach the server through this, and none of them has to know.
"""

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Self, TypeVar

from wellhead.embedded.ports import quiet_port
from wellhead.testing.background import BackgroundLoop
from wellhead.testing.overheard import Overheard, overheard_now
from wellhead.testing.proxy import TCPProxy
from wellhead.url import Host, PostgresURL

T = TypeVar("T")

_WITHOUT_NEED_OF_TLS = frozenset({"disable", "allow", "prefer"})


class Network(Overheard):
    """A proxy in front of one server, for as long as the block lasts.

    >>> with Network(url_of_the_server) as network:
    ...     database = Database(DatabaseSettings(url=network.through(url_of_the_server)))
    ...     with network.present():
    ...         ...  # here count_round_trips() and the faults work

    A URL that insists on TLS, or that names several hosts, is left as it is, and the instruments
    refuse to work there: encrypted traffic cannot be counted, and a certificate is for its host.

    Args:
        url: The server's, with any database.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        parsed = PostgresURL.parse(url)
        self.refusal = _why_not(parsed)
        self._host = parsed.hosts[0]
        self._loop = BackgroundLoop()
        self._proxy = self._new_proxy()

    def __enter__(self) -> Self:
        self._loop.__enter__()
        self.run(self._begin())
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self.run(self._proxy.__aexit__(None, None, None))
        finally:
            self._loop.__exit__(None, None, None)

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

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something to the proxy, and wait until it is done; not in the network's thread."""
        return self._loop.run(work)

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
        return TCPProxy(host.name, host.port, ear=self.listen, own_port=quiet_port())


def networks(instrument: str) -> list[Network]:
    """The networks that an instrument may break now.

    Args:
        instrument: Its name, for the error.

    Raises:
        ConfigurationError: There is none, or it may not; the message says why.
    """
    found = overheard_now(instrument, breaks=True)
    return [each for each in found if isinstance(each, Network)]


def _why_not(url: PostgresURL) -> str | None:
    if url.sslmode not in _WITHOUT_NEED_OF_TLS:
        return (
            f"the URL of the test's server insists on TLS (sslmode={url.sslmode}), and "
            "encrypted traffic cannot be read. Test on a server on this machine, without TLS."
        )
    if len(url.hosts) > 1:
        return (
            f"the URL of the test's server names {len(url.hosts)} hosts. Name the one to test on."
        )
    return None
