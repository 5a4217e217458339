"""Cancelled statements behind a pooler: ended at the server, and their connections kept."""

import asyncio
from collections import Counter

import asyncpg
from sqlalchemy import text

from tests.staging.patience import until
from wellhead import Database, DatabaseSettings

SLEEPING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event = 'PgSleep'
"""
CALLERS = 3


async def sleep_in_session(database: Database) -> None:
    async with database.session() as session:
        await (await session.connection()).execute(text("SELECT pg_sleep(60)"))


async def sleep_in_reader(database: Database) -> None:
    async with database.reader() as reader:
        await reader.exec(text("SELECT pg_sleep(60)"))


async def until_asleep(watch: "asyncpg.Connection[asyncpg.Record]", callers: int) -> None:
    async def so_many_sleep() -> bool:
        return bool(await watch.fetchval(SLEEPING) == callers)

    await until(so_many_sleep)


async def test_cancelled_statements_end_at_the_server_and_cost_no_connection(
    pooled_url: str, database_url: str
) -> None:
    watch = await asyncpg.connect(database_url)
    settings = DatabaseSettings(url=pooled_url, pool_size=CALLERS, max_overflow=0)
    async with Database(settings) as database:
        for _ in range(5):
            for sleep in (sleep_in_session, sleep_in_reader):
                tasks = [asyncio.create_task(sleep(database)) for _ in range(CALLERS)]
                await until_asleep(watch, CALLERS)
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
                assert Counter(map(type, ended)) == {asyncio.CancelledError: CALLERS}
                await until_asleep(watch, 0)
        stats = database.stats()
        async with database.reader() as reader:
            assert (await reader.exec(text("SELECT 1"))).scalar_one() == 1
    await watch.close()

    assert stats.opened <= CALLERS
    assert sum(stats.closed.values()) == 0
