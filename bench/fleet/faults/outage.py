"""What can go wrong in a fleet, and how it is repaired."""

import asyncio
from abc import ABC, abstractmethod
from typing import ClassVar

from bench.fleet.faults.route import Route
from bench.fleet.fleet import Fleet
from bench.fleet.member import Member
from tests.staging.patience import until


class Outage(ABC):
    """Something that goes wrong in a fleet, and comes to an end.

    Attributes:
        name: How reports call it.
        routes: The ways to the database on which it matters.
        hold: Between how many seconds it lasts, from the end of `inject` to the start of `heal`.
        cuts: Whether it needs a network in which members can be cut off.
    """

    name: ClassVar[str]
    routes: ClassVar[tuple[Route, ...]] = tuple(Route)
    hold: ClassVar[tuple[float, float]] = (0.0, 0.0)
    cuts: ClassVar[bool] = False

    @abstractmethod
    async def inject(self, fleet: Fleet) -> None:
        """Let it begin; returns when it is in full effect, or over."""

    async def heal(self, fleet: Fleet) -> None:
        """End it; returns when the fleet is whole again."""
        await fleet.settle()


class SwitchedOver(Outage):
    """The synchronous replica takes over, in order, as before the work on a server."""

    name = "Switchover"

    async def inject(self, fleet: Fleet) -> None:
        await fleet.switch_over()


class PrimaryKilled(Outage):
    """The primary and its Patroni die by ``kill -9``; it comes back when another has taken over."""

    name = "`kill -9` of the primary and its Patroni"

    async def inject(self, fleet: Fleet) -> None:
        self._killed = await fleet.primary()
        await self._killed.kill()
        await _successor(fleet, self._killed)

    async def heal(self, fleet: Fleet) -> None:
        self._killed.start()
        await fleet.settle()


class PrimaryCutOff(Outage):
    """The primary reaches neither etcd nor the others, and clients still reach the primary."""

    name = "Partition: the primary alone with its clients"
    hold = (1.0, 3.0)
    cuts = True

    async def inject(self, fleet: Fleet) -> None:
        assert fleet.network is not None
        self._alone = await fleet.primary()
        await asyncio.to_thread(fleet.network.cut_off, self._alone.name)
        await _successor(fleet, self._alone)

    async def heal(self, fleet: Fleet) -> None:
        assert fleet.network is not None
        await asyncio.to_thread(fleet.network.mend, self._alone.name)
        await fleet.settle()


class PatroniFrozen(Outage):
    """The primary's Patroni is frozen, so that its server goes on when another is elected."""

    name = "The primary's Patroni is frozen"
    # HAProxy closes the connections to a server whose Patroni does not respond.
    routes = (Route.HOSTS, Route.REPLICAS)
    hold = (1.0, 3.0)

    async def inject(self, fleet: Fleet) -> None:
        self._frozen = await fleet.primary()
        self._frozen.freeze()
        await _successor(fleet, self._frozen)

    async def heal(self, fleet: Fleet) -> None:
        self._frozen.thaw()
        await fleet.settle()


class EtcdKilled(Outage):
    """The etcd dies by ``kill -9``, for longer than the primary's lock lasts."""

    name = "`kill -9` of etcd"
    hold = (21.0, 24.0)

    async def inject(self, fleet: Fleet) -> None:
        await fleet.etcd.kill()

    async def heal(self, fleet: Fleet) -> None:
        await fleet.etcd.start()
        await fleet.settle()


class HAProxyKilled(Outage):
    """HAProxy dies by ``kill -9`` with all connections through it."""

    name = "`kill -9` of HAProxy"
    routes = (Route.HAPROXY,)
    hold = (0.5, 1.5)

    async def inject(self, fleet: Fleet) -> None:
        await fleet.haproxy.kill()

    async def heal(self, fleet: Fleet) -> None:
        await fleet.haproxy.start()


class PoolerKilled(Outage):
    """The primary's PgBouncer ends with all connections through it, and is started again."""

    name = "PgBouncer restart"
    routes = (Route.HAPROXY,)
    hold = (0.5, 1.5)

    async def inject(self, fleet: Fleet) -> None:
        primary = await fleet.primary()
        self._pooler = fleet.poolers[fleet.members.index(primary)]
        await asyncio.to_thread(self._pooler.kill)

    async def heal(self, fleet: Fleet) -> None:
        del fleet
        await asyncio.to_thread(self._pooler.start)


OUTAGES: tuple[type[Outage], ...] = (
    SwitchedOver,
    PrimaryKilled,
    PrimaryCutOff,
    PatroniFrozen,
    EtcdKilled,
    HAProxyKilled,
    PoolerKilled,
)
LOSSES: tuple[type[Outage], ...] = (PrimaryKilled, PrimaryCutOff, PatroniFrozen)
"""Those in which a primary whose commits wait for no replica can lose them."""


async def _successor(fleet: Fleet, former: Member) -> None:
    """Wait until another member takes writes."""
    others = [member for member in fleet.members if member is not former]

    async def has_taken_over() -> bool:
        return any([await member.is_primary() for member in others])

    await until(has_taken_over)
