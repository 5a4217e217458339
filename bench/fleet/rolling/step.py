"""How an operator replaces each part of a fleet while it serves."""

import asyncio
from abc import abstractmethod

import asyncpg

from bench.faults.console import ROLE
from bench.fleet.faults.outage import Outage
from bench.fleet.fleet import PASSWORD, Fleet
from bench.fleet.member import Member
from bench.fleet.rolling.applications import Applications
from tests.staging.patience import until
from tests.staging.pgbouncer import PgBouncer


class Step(Outage):
    """One part of a fleet is replaced.

    Args:
        applications: The application's processes.
    """

    def __init__(self, applications: Applications) -> None:
        self._applications = applications

    @abstractmethod
    async def inject(self, fleet: Fleet) -> None:
        """Replace it; returns when the former one has gone."""


class ApplicationsReplaced(Step):
    """Every process of the application, one after the other."""

    name = "Every process of the Todo API"

    async def inject(self, fleet: Fleet) -> None:
        del fleet
        await self._applications.replace()


class PoolersReplaced(Step):
    """Every PgBouncer, one after the other."""

    name = "Every PgBouncer"

    async def inject(self, fleet: Fleet) -> None:
        for place, former in enumerate(fleet.poolers):
            fleet.poolers[place] = await asyncio.to_thread(former.succeed)
            former.retire()
            try:
                await until(former.has_ended)
            finally:
                former.kill()


class HAProxyReloaded(Step):
    """HAProxy reads its configuration again."""

    name = "HAProxy"

    async def inject(self, fleet: Fleet) -> None:
        former = await fleet.haproxy.reload()
        await until(former.has_ended)


class ReplicasRestarted(Step):
    """Every replica's PostgreSQL, one after the other, as for a minor version."""

    name = "PostgreSQL of every replica"

    async def inject(self, fleet: Fleet) -> None:
        primary = await fleet.primary()
        for member in fleet.members:
            if member is not primary:
                await _restart(fleet, member)


class PrimaryRestarted(Step):
    """The primary's PostgreSQL, after another one has taken over in order.

    While its PgBouncer is paused, no statement is cut by the shutdown, and none gets to the former
    primary when that is back as a replica: they wait, until HAProxy leads to the new one.
    """

    name = "PostgreSQL of the primary"

    async def inject(self, fleet: Fleet) -> None:
        former = await fleet.primary()
        pooler = fleet.pooler_of(former)
        await _tell(pooler, "PAUSE")
        await fleet.switch_over()
        port = fleet.pooler_of(await fleet.primary()).port

        async def has_moved() -> bool:
            return await fleet.haproxy.up("primary") == {port}

        await until(has_moved)
        await _tell(pooler, "RESUME")
        await _restart(fleet, former)


async def _tell(pooler: PgBouncer, command: str) -> None:
    """Give a command at PgBouncer's console; returns when it is done."""
    console = await asyncpg.connect(
        host="127.0.0.1",
        port=pooler.port,
        user=ROLE,
        password=PASSWORD,
        database="pgbouncer",
        ssl=False,
    )
    try:
        await console.execute(command)
    finally:
        console.terminate()


async def _restart(fleet: Fleet, member: Member) -> None:
    async def is_done() -> bool:
        response = await member.ask("POST", "/restart", {})
        return response is not None and response.is_success

    await until(is_done)
    await fleet.settle()
