"""The pooled twin of the staged Neon: a real PgBouncer that sleeps and wakes with the compute."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.staging.neon import StagedNeon, StoppedPostgres
from tests.staging.pgbouncer import Kind
from tests.staging.pki import PKI

CLIENTS = 100
AT_NEON = Kind("1.24", 1000)


@pytest.fixture
async def neon(
    stopped_postgres: StoppedPostgres, pki: PKI, tmp_path: Path
) -> AsyncIterator[StagedNeon]:
    """One that sleeps only when it is told to."""
    async with StagedNeon(stopped_postgres, pki, tmp_path, pooler=AT_NEON) as neon:
        yield neon


async def backend(url: str) -> int:
    """Which process of the server answers."""
    connection = await asyncpg.connect(url, statement_cache_size=0)
    number: int = await connection.fetchval("SELECT pg_backend_pid()")
    await connection.close()
    return number


@pytest.mark.slow
async def test_a_hundred_clients_of_the_pooler_start_the_compute_once(neon: StagedNeon) -> None:
    answers = await asyncio.gather(
        *(backend(neon.address_url(pooled=True)) for _ in range(CLIENTS))
    )

    figures = neon.figures()
    assert (figures.starts, figures.connections, figures.reached) == (1, CLIENTS, CLIENTS)
    assert len(set(answers)) <= 5  # The pooler's connections to the server.


@pytest.mark.usefixtures("neon_names")
async def test_the_name_says_who_wants_the_pooler(neon: StagedNeon) -> None:
    strange = {"options": "-c work_mem=1234kB"}
    direct = await asyncpg.connect(neon.url(), server_settings=strange)
    await direct.close()

    with pytest.raises(asyncpg.ProtocolViolationError, match="unsupported startup parameter"):
        await asyncpg.connect(neon.url(pooled=True), server_settings=strange)


async def test_the_pooler_sleeps_and_wakes_with_the_compute(neon: StagedNeon) -> None:
    url = neon.address_url(pooled=True)
    connection = await asyncpg.connect(url, statement_cache_size=0)
    await neon.suspend()
    closed = asyncio.Event()
    connection.add_termination_listener(lambda _: closed.set())
    if not connection.is_closed():
        await closed.wait()
    asleep = neon.figures()
    await backend(url)

    assert (asleep.starts, asleep.suspends) == (1, 1)
    assert neon.figures().starts == 2
