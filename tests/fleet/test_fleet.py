"""The fleet: what it consists of, that a switchover works, and that nothing of it stays."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import httpx2
import pytest

from bench.faults.apps import TODO
from bench.faults.console import Console
from bench.fleet import haproxy
from bench.fleet.faults.server_logs import ServerLogs, let_them_say
from bench.fleet.fleet import APPLICATIONS, MEMBERS, Fleet, open_fleet
from tests.staging.patience import until
from tests.staging.pgbouncer import PgBouncer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def connected(url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection as the applications' role; PgBouncer takes none of the URL's options."""
    connection = await asyncpg.connect(url.partition("?")[0], ssl=False)
    try:
        yield connection
    finally:
        await connection.close()


def left_of(directory: Path) -> list[str]:
    """The processes that work in a directory, or were told about it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            where = (process / "cwd").readlink()
            if f"{directory}/" in command or f"{where}/".startswith(f"{directory}/"):
                found.append(f"{process.name} {command} in {where}")
    return found


async def test_two_members_stream_from_the_third_one_of_them_synchronously(fleet: Fleet) -> None:
    await fleet.settle()
    primary = Console((await fleet.primary()).url)

    streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
    assert await primary.ask(streaming) == len(MEMBERS) - 1
    assert await primary.ask(f"{streaming} AND sync_state = 'sync'") == 1


async def test_a_write_at_the_primarys_port_is_read_at_the_replicas_port(fleet: Fleet) -> None:
    async with connected(fleet.primary_url) as primary:
        await primary.execute("CREATE TABLE written AS SELECT 7 AS number")
        assert await primary.fetchval("SELECT pg_is_in_recovery()") is False
    async with connected(fleet.replicas_url) as replica:
        await until(lambda: replica.fetchval("SELECT to_regclass('written')"))

        assert await replica.fetchval("SELECT number FROM written") == 7
        assert await replica.fetchval("SELECT pg_is_in_recovery()") is True


async def test_what_one_application_writes_every_other_one_reads(fleet: Fleet) -> None:
    door = await fleet.applications[0].open_door()
    async with door.connect() as client:
        response = (
            await client.post(door.tasks, json={"title": "written once"})
        ).raise_for_status()
    path = f"{door.tasks}/{response.json()['id']}"
    async with httpx2.AsyncClient(headers=dict(door.headers), trust_env=False) as client:
        read = [await client.get(f"{each.base_url}{path}") for each in fleet.applications]

    assert [each.json()["title"] for each in read] == ["written once"] * APPLICATIONS


async def test_a_switchover_moves_the_primary_behind_the_same_port(fleet: Fleet) -> None:
    before = await fleet.primary()
    async with connected(fleet.primary_url) as connection:
        await fleet.switch_over()
        after = await fleet.primary()

        assert after is not before
        await until(connection.is_closed)
    async with connected(fleet.primary_url) as connection:
        assert await connection.fetchval("SELECT inet_server_port()") == after.port


async def test_each_server_says_in_its_log_what_it_takes_and_that_it_is_elected(
    fleet: Fleet,
) -> None:
    before = await fleet.primary()
    await let_them_say(Console(before.url), TODO.table)
    said = ServerLogs({each.name: each.log for each in fleet.members}, primary=before.name)
    door = await fleet.applications[0].open_door()
    async with door.connect() as client:

        async def write(title: str) -> None:
            (await client.post(door.tasks, json={"title": title})).raise_for_status()

        await write("on the first")
        await fleet.switch_over()
        after = await fleet.primary()
        await write("on the second")

    assert said.takers(TODO.table) == {"on the first": before.name, "on the second": after.name}
    assert [each.server for each in said.promotions()] == [before.name, after.name]


async def test_a_reload_of_haproxy_keeps_connections_and_what_it_knows(fleet: Fleet) -> None:
    port = fleet.pooler_of(await fleet.primary()).port
    await until(lambda: leads_only_to(fleet, port))
    async with connected(fleet.primary_url) as connection:
        former = await fleet.haproxy.reload()
        known = await fleet.haproxy.up("primary")

        assert await connection.fetchval("SELECT 1") == 1
        assert not former.has_ended()
    # Otherwise the new one would take each for the primary until its first checks.
    assert known == {port}


async def test_a_pooler_hands_over_to_another_and_keeps_its_clients(fleet: Fleet) -> None:
    place = fleet.members.index(await fleet.primary())
    former = fleet.poolers[place]
    async with connected(fleet.primary_url) as early:
        fleet.poolers[place] = await asyncio.to_thread(former.succeed)
        former.retire()
        await until(lambda: takes_no_more(former))
        try:
            async with connected(fleet.primary_url) as late:
                assert await late.fetchval("SELECT 2") == 2
            assert await early.fetchval("SELECT 1") == 1
            assert not former.has_ended()
        finally:
            # The applications, too, are its clients.
            former.kill()


async def test_a_second_fleet_runs_at_the_same_time_and_a_signal_ends_all_of_it(
    fleet: Fleet, public_directory: Path
) -> None:
    directory = public_directory / "second"
    directory.mkdir()
    with run_alone(directory) as process:
        assert process.stdout is not None
        while not (line := await asyncio.to_thread(process.stdout.readline)).startswith("Ctrl-C"):
            assert line, "it has ended by itself"
        assert left_of(directory)
        process.send_signal(signal.SIGINT)
        await asyncio.to_thread(process.communicate)

    assert process.returncode == 0
    assert not left_of(directory)
    assert not list(directory.iterdir())
    fleet.check()


async def test_a_signal_ends_a_start_that_is_not_complete(public_directory: Path) -> None:
    directory = public_directory / "interrupted"
    directory.mkdir()
    with run_alone(directory) as process:
        await until(lambda: list(directory.glob("*/one/data/postmaster.pid")))
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.communicate)

    assert process.returncode == 0
    assert not left_of(directory)
    assert not list(directory.iterdir())


async def test_nothing_stays_of_a_start_that_fails(
    public_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = public_directory / "failed"
    directory.mkdir()
    monkeypatch.setattr(haproxy, "HAPROXY", Path("/bin/false"))

    with pytest.raises(RuntimeError, match="false does not run"):
        async with open_fleet(directory):
            pytest.fail("it has started")

    assert (directory / "three" / "data").is_dir()
    assert not left_of(directory)
    shutil.rmtree(directory)


async def leads_only_to(fleet: Fleet, port: int) -> bool:
    """Whether HAProxy leads to this PgBouncer of all for the primary."""
    return await fleet.haproxy.up("primary") == {port}


def takes_no_more(pooler: PgBouncer) -> bool:
    """Whether a PgBouncer that was told to end has closed its listener."""
    return "waiting for all clients" in pooler.log.read_text()


def run_alone(directory: Path) -> "subprocess.Popen[str]":
    """``make fleet`` with its files in a directory."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench.fleet"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(directory)},
        stdout=subprocess.PIPE,
        text=True,
    )
