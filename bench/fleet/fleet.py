"""A fleet: three members, their etcd, a PgBouncer for each, HAProxy, and four applications."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import asyncpg

from bench.faults.apps import TODO, ServedApp
from bench.faults.console import DATABASE, ROLE, Console
from bench.faults.todo_service import migrate
from bench.fleet.application import serve
from bench.fleet.etcd import Etcd
from bench.fleet.haproxy import HAProxy
from bench.fleet.member import Member
from bench.fleet.network import LOOPBACK, Network
from tests.staging.passwords import verifier
from tests.staging.patience import until
from tests.staging.pgbouncer import Kind, PgBouncer

MEMBERS = ("one", "two", "three")
APPLICATIONS = 4
PASSWORD = "shop-of-the-fleet"  # noqa: S105 - of a server on this machine that lives for minutes

# As Neon runs it: it tracks prepared statements.
_POOLER = Kind("1.24", 1000)


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet that runs.

    Attributes:
        etcd: Where the members agree on the primary.
        members: The servers.
        poolers: The PgBouncer in front of each server, in the same order.
        haproxy: Leads to the PgBouncer of the primary, or of a replica.
        applications: Each a Todo API of one process.
        network: What a member can be cut off in, where the fleet is in one.
        is_synchronous: Whether a commit waits for one replica.
    """

    etcd: Etcd
    members: list[Member]
    poolers: list[PgBouncer]
    haproxy: HAProxy
    applications: list[ServedApp]
    network: Network | None
    is_synchronous: bool = True

    @property
    def primary_url(self) -> str:
        """The way of the applications' role to the primary, through HAProxy and a PgBouncer."""
        return f"{_url(_here(self.haproxy.primary_port))}?pgbouncer=true"

    @property
    def replicas_url(self) -> str:
        """Its way to a replica, through HAProxy and a PgBouncer."""
        return f"{_url(_here(self.haproxy.replicas_port))}?pgbouncer=true"

    @property
    def hosts_url(self) -> str:
        """Its way to the primary by the addresses of all members, past HAProxy and PgBouncer."""
        hosts = ",".join(member.address for member in self.members)
        wish = urlencode({"target_session_attrs": "read-write"})
        return f"postgresql://{ROLE}:{PASSWORD}@{hosts}/{DATABASE}?{wish}"

    async def primary(self) -> Member:
        """The member that takes writes now; waits until there is one."""
        found: list[Member] = []

        async def is_there() -> bool:
            self.check()
            found[:] = [member for member in self.members if await member.is_primary()]
            return len(found) == 1

        await until(is_there)
        return found[0]

    async def settle(self) -> None:
        """Wait until one member takes writes and the others stream, in the fleet's mode."""

        async def has_settled() -> bool:
            self.check()
            return all([await self._is_whole(member) for member in self.members])

        await until(has_settled)

    async def switch_over(self) -> None:
        """Let the synchronous replica become the primary, in order, and wait until all stream."""
        primary = await self.primary()

        async def is_accepted() -> bool:
            # For a moment after another change, no replica is synchronous yet.
            response = await primary.ask("POST", "/switchover", {"leader": primary.name})
            return response is not None and response.is_success

        await until(is_accepted)
        await self.settle()

    def pooler_of(self, member: Member) -> PgBouncer:
        """The PgBouncer in front of a server."""
        return self.poolers[self.members.index(member)]

    def check(self) -> None:
        """Make sure that the members run.

        Raises:
            RuntimeError: One has ended by itself.
        """
        for member in self.members:
            member.check()

    async def _is_whole(self, member: Member) -> bool:
        """Whether a member sees every member do what it should."""
        response = await member.ask("GET", "/cluster")
        if response is None or not response.is_success:
            return False
        seen = response.json()["members"]
        states = sorted((each["role"], each["state"]) for each in seen)
        return states == [
            ("leader", "running"),
            ("replica", "streaming"),
            ("sync_standby" if self.is_synchronous else "replica", "streaming"),
        ]


@asynccontextmanager
async def open_fleet(
    directory: Path,
    *,
    applications: int = APPLICATIONS,
    network: Network | None = None,
    is_synchronous: bool = True,
) -> AsyncIterator[Fleet]:
    """Start a fleet on free ports, and end all of it again, also after a failed start.

    Args:
        directory: Where data and logs are to be; every account must be able to enter it.
        applications: How many Todo APIs.
        network: Where members and etcd are to be; None: everything is on loopback.
        is_synchronous: Whether a commit waits for one replica.
    """
    async with AsyncExitStack() as stack:
        etcd = Etcd(directory, network.middle if network else LOOPBACK)
        stack.push_async_callback(etcd.kill)
        await etcd.start()
        members = [
            Member(
                name,
                directory,
                network.place(name) if network else LOOPBACK,
                etcd.address,
                is_synchronous=is_synchronous,
            )
            for name in MEMBERS
        ]
        stack.push_async_callback(_end, members)
        for member in members:
            member.start()
        haproxy = HAProxy(directory)
        fleet = Fleet(etcd, members, [], haproxy, [], network, is_synchronous)
        await fleet.settle()
        await _prepare(Console((await fleet.primary()).url))
        stack.callback(_kill, fleet.poolers)
        for member in members:
            fleet.poolers.append(_pooler(member, directory))
            fleet.poolers[-1].start()
        fleet.haproxy.lead_to(
            {pooler.port: each for pooler, each in zip(fleet.poolers, members, strict=True)}
        )
        stack.push_async_callback(fleet.haproxy.kill)
        await fleet.haproxy.start()
        await until(lambda: _both_ways_lead_to_a_server(fleet))
        await asyncio.to_thread(migrate, fleet.hosts_url)
        served = serve(TODO, fleet.primary_url, applications, directory)
        fleet.applications.extend(await stack.enter_async_context(served))
        yield fleet


async def _end(members: list[Member]) -> None:
    await asyncio.gather(*(member.end() for member in members))


def _kill(poolers: list[PgBouncer]) -> None:
    # Those of the end: they may have been replaced.
    for pooler in poolers:
        if not pooler.has_ended():
            pooler.kill()


async def _prepare(console: Console) -> None:
    await console.ask(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{verifier(PASSWORD)}'")
    await console.ask(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")


def _pooler(member: Member, directory: Path) -> PgBouncer:
    own = directory / f"pgbouncer-{member.name}"
    own.mkdir()
    # For 15 seconds it would refuse its clients, by default, after a server has refused it once.
    # Another one can share the port and take over, and the role can pause it.
    options = {"server_login_retry": "1", "so_reuseport": "1", "admin_users": ROLE}
    return PgBouncer(_POOLER, _url(member.address), own, pool_size=20, options=options)


async def _both_ways_lead_to_a_server(fleet: Fleet) -> bool:
    for port in (fleet.haproxy.primary_port, fleet.haproxy.replicas_port):
        try:
            connection = await asyncpg.connect(_url(_here(port)), ssl=False)
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
    return True


def _here(port: int) -> str:
    return f"{LOOPBACK.host}:{port}"


def _url(address: str) -> str:
    return f"postgresql://{ROLE}:{PASSWORD}@{address}/{DATABASE}"
