"""A database that takes its time to wake is waited for, whatever comes in between."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlmodel import select

from bench.faults.todo_service import TODO
from tests.staging.neon import ProxyError, StagedNeon, StoppedPostgres
from tests.staging.pki import PKI
from wellhead import Database, DatabaseSettings, PostgresURL

pytestmark = pytest.mark.slow

CALLERS = 100
DRIVERS = ("postgresql", "postgresql+psycopg")


@pytest.fixture
async def neon(
    stopped_postgres: StoppedPostgres, pki: PKI, tmp_path: Path
) -> AsyncIterator[StagedNeon]:
    """One that sleeps only when it is told to."""
    async with StagedNeon(stopped_postgres, pki, tmp_path) as neon:
        yield neon


@pytest.fixture(params=DRIVERS, ids=["asyncpg", "psycopg"])
def scheme(request: pytest.FixtureRequest) -> str:
    """The scheme of the URL, which chooses the driver."""
    return str(request.param)


def settings(url: str, scheme: str, **values: object) -> DatabaseSettings:
    # Pinged at each use, for the news of the end may still be on its way.
    named = {"pool_check_after_idle": 0, **values}
    return DatabaseSettings(url=url.replace("postgresql", scheme, 1), **named)


async def answer(database: Database) -> int:
    async with database.reader() as reader:
        return (await reader.exec(select(1))).one()


@pytest.mark.usefixtures("neon_names")
async def test_a_hundred_callers_under_neons_own_name_wake_it_once(
    neon: StagedNeon, scheme: str
) -> None:
    async with Database(settings(neon.url(), scheme)) as database:
        assert isinstance(database.settings.url, PostgresURL)
        assert database.settings.url.sslmode == "verify-full"
        await neon.suspend()
        answers = await asyncio.gather(*(answer(database) for _ in range(CALLERS)))

    assert answers == [1] * CALLERS
    assert neon.figures().starts == 2


@pytest.mark.parametrize(
    "text", [ProxyError.COULD_NOT_CONNECT, ProxyError.CONTROL_PLANE, ProxyError.RATE_LIMIT]
)
async def test_a_proxy_that_refuses_at_first_is_asked_again(
    neon: StagedNeon, scheme: str, text: ProxyError
) -> None:
    async with Database(settings(neon.address_url(), scheme)) as database:
        await neon.suspend()
        neon.refuse(text, times=3)

        assert await answer(database) == 1

    assert (neon.figures().starts, neon.figures().suspends) == (2, 1)


async def test_a_start_that_takes_longer_than_one_attempt_is_waited_for(
    neon: StagedNeon, scheme: str
) -> None:
    hasty = settings(neon.address_url(), scheme, connect_timeout=1, connect_retry_count=30)
    async with Database(hasty) as database:
        await neon.suspend()
        before = neon.figures().connections
        neon.compute.start_delay = 2.5

        assert await answer(database) == 1

    assert neon.figures().starts == 2
    assert neon.figures().connections - before >= 2


async def test_what_is_kept_warm_is_not_warmed_up_for_nobody(neon: StagedNeon, scheme: str) -> None:
    kept = settings(
        neon.address_url(), scheme, may_sleep="yes", pool_min_idle=3, pool_idle_timeout=1
    )
    async with Database(kept) as database:
        await asyncio.gather(*(answer(database) for _ in range(8)))
        await neon.suspend()
        before = neon.figures()
        # Until the pool has shrunk, for it keeps none.
        async with asyncio.timeout(30):
            while database.stats().total > 0:  # noqa: ASYNC110 - the pool has no event for it
                await asyncio.sleep(0.05)

        assert neon.figures() == before
        assert await answer(database) == 1


async def test_migrations_wake_the_compute_past_its_pooler(neon: StagedNeon) -> None:
    environment = neon.environment | {"DATABASE_URL": neon.url(pooled=True)}
    process = await asyncio.create_subprocess_exec(
        *(TODO, "migrate"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()

    assert process.returncode == 0, output
    assert neon.figures().starts == 1
