"""The budget holds under load: four replicas with two workers each, and a server for thirty.

Every process is one of its own, as in production. Its pool has the size that `wellhead pool-size`
computes for the clients that PgBouncer takes.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from tests.poolers.conftest import DRIVERS, KINDS
from tests.staging.passwords import check_password_cheaply
from tests.staging.pgbouncer import PgBouncer
from wellhead.cli.app import app
from wellhead.embedded import EmbeddedPostgres

REPLICAS, WORKERS = 4, 2
# Some of them are kept for connections that are closed already, as PgBouncer is about to learn.
CLIENTS, RESERVED = 48, 8
TASKS, WRITES = 15, 5

# Says that it is ready, and begins when the others are; then the figures of its pool.
_PROCESS = """
import asyncio, dataclasses, json, sys
from sqlalchemy import Integer, column, insert, table
from wellhead import Database, DatabaseSettings

note = table("note", column("id", Integer))

async def main():
    async with Database(DatabaseSettings()) as database:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

        async def write(session):
            await (await session.connection()).execute(insert(note).values(id=1))

        async def client():
            for _ in range(WRITES):
                await database.run(write)

        await asyncio.gather(*(client() for _ in range(TASKS)))
        stats = database.stats()
        print(json.dumps({
            "failed": stats.failed_connects,
            "refused": stats.timeouts + stats.saturated,
            "opened": stats.opened,
            "retried": sum(database.run_stats().retried.values()),
        }), flush=True)

asyncio.run(main())
""".replace("WRITES", str(WRITES)).replace("TASKS", str(TASKS))


@pytest.fixture(scope="module")
def small_server(public_directory: Path) -> Iterator[EmbeddedPostgres]:
    """A server for thirty connections, of which it keeps three for superusers."""
    options = {"max_connections": "30"}
    with EmbeddedPostgres(public_directory / "small", durable=False, options=options) as server:
        check_password_cheaply(server.url)
        asyncio.run(_execute(server.url, "CREATE TABLE note (id int)"))
        yield server


async def _execute(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("driver", DRIVERS, ids=["asyncpg", "psycopg"])
async def test_eight_processes_behind_a_pooler_are_refused_no_connection(
    small_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, driver: str
) -> None:
    await _execute(small_server.url, "TRUNCATE note")
    directory = tmp_path_factory.mktemp("pgbouncer")
    options = {"max_client_conn": str(CLIENTS)}
    with PgBouncer(KINDS[-1], small_server.url, directory, pool_size=20, options=options) as pooler:
        url = pooler.url(small_server.url).replace("postgresql://", driver)
        environment = {**os.environ, **settings(), "DATABASE_URL": url}
        processes = [await begin(environment) for _ in range(REPLICAS * WORKERS)]
        for process in processes:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        done = await asyncio.gather(*(process.communicate(b"\n") for process in processes))
        said = (directory / "pgbouncer.log").read_text()
    figures = [json.loads(output) for output, _ in done]

    assert [each["failed"] for each in figures] == [0] * len(processes)
    assert [each["refused"] for each in figures] == [0] * len(processes)
    assert [each["retried"] for each in figures] == [0] * len(processes)
    # The pools did grow: there was a load, and the budget was nearly used.
    assert sum(each["opened"] for each in figures) >= CLIENTS - RESERVED
    assert "no more connections allowed" not in said
    assert "too many clients" not in said
    written = await _execute(small_server.url, "SELECT count(*) FROM note")
    assert written == len(processes) * TASKS * WRITES


def settings() -> dict[str, str]:
    """What `wellhead pool-size` prints for the clients that PgBouncer takes."""
    arguments = {
        "max-connections": CLIENTS,
        "reserved": RESERVED,
        "replicas": REPLICAS,
        "workers": WORKERS,
    }
    given = [f"--{name}={value}" for name, value in arguments.items()]
    done = CliRunner().invoke(app, ["pool-size", *given])
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


async def begin(environment: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _PROCESS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
