"""A URL that names several servers: which of them is connected to, with either driver."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from tests.staging.patience import until
from tests.staging.streaming import Replication
from wellhead import Database, DatabaseSettings, StartingError, UnreachableError
from wellhead.testing.proxy import TCPProxy

pytestmark = pytest.mark.parametrize(
    "driver", ["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"]
)

LISTED = (
    # The servers in the order of the URL, what it asks for, and which of them it gets.
    ("standby primary", "read-write", "primary"),
    ("standby primary", "primary", "primary"),
    ("primary standby", "standby", "standby"),
    ("primary standby", "read-only", "standby"),
    ("primary standby", "prefer-standby", "standby"),
    ("primary", "prefer-standby", "primary"),
    ("primary standby", "any", "primary"),
    ("standby primary", "any", "standby"),
)


def url_of(replication: Replication, driver: str, ports: Sequence[int], attrs: str) -> str:
    """The URL of the servers at these ports."""
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    url = replication.primary.url.replace(f"127.0.0.1:{replication.primary.port}", hosts)
    return f"{url.replace('postgresql', driver, 1)}?target_session_attrs={attrs}"


async def is_standby(database: Database) -> bool:
    """What the server says that a new connection leads to."""
    database.pool.retire_all()
    async with database.engine.connect() as connection:
        answer: bool = await connection.scalar(text("SELECT pg_is_in_recovery()"))
    return answer


@pytest.mark.parametrize(("listed", "attrs", "found"), LISTED)
async def test_the_first_server_with_the_wanted_attributes_is_taken(
    replication: Replication, driver: str, listed: str, attrs: str, found: str
) -> None:
    ports = {"primary": replication.primary.port, "standby": replication.standbys[0].port}
    url = url_of(replication, driver, [ports[name] for name in listed.split()], attrs)
    async with Database(DatabaseSettings(url=url)) as database:
        assert await is_standby(database) is (found == "standby")


@pytest.fixture
async def ways(replication: Replication) -> AsyncIterator[dict[str, TCPProxy]]:
    """A proxy in front of each server, which counts the connections to it."""
    servers = {"primary": replication.primary, "standby": replication.standbys[0]}
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(TCPProxy("127.0.0.1", server.port))
            for name, server in servers.items()
        }


async def test_a_silent_host_costs_one_connection_its_share_and_no_other(
    replication: Replication, driver: str, ways: dict[str, TCPProxy]
) -> None:
    silent, primary = ways["standby"], ways["primary"]
    silent.stall()
    url = url_of(replication, driver, [silent.port, primary.port], "read-write")
    async with Database(DatabaseSettings(url=url, connect_timeout=2)) as database:
        for _ in range(4):
            assert await is_standby(database) is False

    assert (silent.connections, primary.connections) == (1, 5)


async def test_a_host_that_failed_is_tried_again_once_the_others_fail(
    replication: Replication, driver: str, ways: dict[str, TCPProxy]
) -> None:
    first, second = ways["standby"], ways["primary"]
    url = url_of(replication, driver, [first.port, second.port], "any")
    async with Database(DatabaseSettings(url=url)) as database:
        await first.refuse()
        await is_standby(database)
        await second.refuse()
        await first.accept()
        found = await is_standby(database)

    assert found is True


async def test_servers_that_all_have_other_attributes_may_be_promoted_soon(
    replication: Replication, driver: str
) -> None:
    ports = [standby.port for standby in replication.standbys]
    url = url_of(replication, driver, ports, "read-write")
    with pytest.raises(StartingError, match="promoted") as caught:
        await open_once(url)

    assert caught.value.can_retry


async def open_once(url: str) -> None:
    await Database(DatabaseSettings(url=url, connect_retry_count=1)).open()


async def test_of_several_failures_the_most_telling_is_raised(
    replication: Replication, driver: str, ways: dict[str, TCPProxy]
) -> None:
    dead, standby = ways["primary"], replication.standbys[0]
    await dead.refuse()
    for ports in ([dead.port, standby.port], [standby.port, dead.port]):
        with pytest.raises(StartingError):
            await open_once(url_of(replication, driver, ports, "primary"))
    with pytest.raises(UnreachableError):
        await open_once(url_of(replication, driver, [dead.port, dead.port], "primary"))


async def test_work_goes_on_at_the_standby_that_was_promoted(
    public_directory: Path, driver: str
) -> None:
    directory = public_directory / f"failover-{driver}"
    with Replication(directory, standbys=1) as replication:
        [standby] = replication.standbys
        await replication.primary.ask("CREATE TABLE drops (number int)")
        ports = [replication.primary.port, standby.port]
        url = url_of(replication, driver, ports, "read-write")
        settings = DatabaseSettings(url=url, pool_timeout=240, run_timeout=300, request_timeout=600)
        async with Database(settings) as database:
            await database.run(drop)
            await replication.catch_up()
            await replication.primary.kill()
            going_on = asyncio.create_task(database.run(drop))
            await until(lambda: database.stats().failed_connects or going_on.done())
            await standby.promote()
            await going_on

            assert await standby.ask("SELECT count(*) FROM drops") == 2


async def drop(session: AsyncSession) -> None:
    await (await session.connection()).execute(text("INSERT INTO drops VALUES (1)"))
