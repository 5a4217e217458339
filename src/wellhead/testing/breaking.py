"""Faults for the tests of an application: what a network and a server can do to it.

All of them need a test with real commits: they break connections, and otherwise everything that a
test does is one transaction on one connection. They affect everything that reaches the database
through the pytest plugin, in any thread, and return once the fault is in effect.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from wellhead.testing.framing import refusal
from wellhead.testing.network import Network, networks

# As a server's fast shutdown, and pg_terminate_backend, have it.
_TERMINATED = refusal(
    "57P01", "terminating connection due to administrator command", severity="FATAL"
)


@contextmanager
def database_down() -> Iterator[None]:
    """A server that is down while the block runs.

    Connections are refused, and those that exist are closed. Afterwards new ones can be made.

    Raises:
        ConfigurationError: The test is one transaction, or no database of the plugin is in use.
    """
    with ExitStack() as stack:
        for network in networks("database_down()"):
            stack.callback(_come_back, network)
            network.run(network.proxy.refuse())
            network.run(network.proxy.cut())
        yield


def _come_back(network: Network) -> None:
    network.run(network.proxy.accept())


@contextmanager
def slow_network(milliseconds: float) -> Iterator[None]:
    """A network that holds everything back while the block runs.

    Args:
        milliseconds: How long it takes each way; a round trip takes twice as long, and a new
            connection several round trips.

    Raises:
        ConfigurationError: The test is one transaction, or no database of the plugin is in use.
    """
    found = networks("slow_network()")
    try:
        for network in found:
            network.proxy.delay(milliseconds / 1000)
        yield
    finally:
        for network in found:
            network.proxy.delay(0)


def kill_connections() -> int:
    """Break all open connections by a TCP reset, like a server or a middlebox that crashed.

    New ones can be made at once. Statements without a response may have taken effect.

    Returns:
        How many there were.

    Raises:
        ConfigurationError: The test is one transaction, or no database of the plugin is in use.
    """
    return sum(
        network.run(network.proxy.reset_connections()) for network in networks("kill_connections()")
    )


@contextmanager
def sleeping_database(*, wakes_in: float = 500) -> Iterator["SleepingDatabase"]:
    """A database that sleeps, as a compute of Neon does, until it is needed.

    Open connections end as when it is suspended, with SQLSTATE 57P01. The first new one wakes
    it, and waits until it is awake; so do all others until then. Afterwards it stays awake, until
    :meth:`SleepingDatabase.sleep`.

    >>> with sleeping_database() as sleeping:
    ...     client.get("/health/ready")
    ...     assert sleeping.wakes == 0
    ...     client.get("/items")
    ...     assert sleeping.wakes == 1

    Args:
        wakes_in: Milliseconds that waking up takes.

    Raises:
        ConfigurationError: The test is one transaction, or no database of the plugin is in use.
    """
    found = networks("sleeping_database()")
    sleepers = [_Sleeper(network, wakes_in / 1000) for network in found]
    try:
        sleeping = SleepingDatabase(sleepers)
        sleeping.sleep()
        yield sleeping
    finally:
        for sleeper in sleepers:
            sleeper.end()


class SleepingDatabase:
    """The database in the block of :func:`sleeping_database`."""

    def __init__(self, sleepers: "list[_Sleeper]") -> None:
        self._sleepers = sleepers

    @property
    def is_awake(self) -> bool:
        """Whether it is awake."""
        return any(sleeper.awake.is_set() for sleeper in self._sleepers)

    @property
    def wakes(self) -> int:
        """How often it was woken."""
        return sum(sleeper.wakes for sleeper in self._sleepers)

    def sleep(self) -> None:
        """Put it to sleep again; its connections end."""
        for sleeper in self._sleepers:
            sleeper.sleep()


class _Sleeper:
    """One server that sleeps; it lives in the network's thread."""

    def __init__(self, network: Network, seconds: float) -> None:
        self.awake = asyncio.Event()
        self.wakes = 0
        self._network = network
        self._seconds = seconds
        self._waking: asyncio.Task[None] | None = None

    def sleep(self) -> None:
        self._network.run(self._fall_asleep())

    def end(self) -> None:
        self._network.run(self._be_awake_for_good())

    async def _fall_asleep(self) -> None:
        await self._give_up_waking()
        self.awake.clear()
        self._network.proxy.wake_first(self._wake)
        await self._network.proxy.cut(last_words=_TERMINATED)

    async def _be_awake_for_good(self) -> None:
        self._network.proxy.wake_first(None)
        await self._give_up_waking()
        self.awake.set()

    async def _wake(self) -> None:
        if self._waking is None and not self.awake.is_set():
            self.wakes += 1
            self._waking = asyncio.create_task(self._wake_up())
        await self.awake.wait()

    async def _wake_up(self) -> None:
        await asyncio.sleep(self._seconds)
        self._waking = None
        self.awake.set()

    async def _give_up_waking(self) -> None:
        waking, self._waking = self._waking, None
        if waking is not None:
            waking.cancel()
            await asyncio.wait([waking])
