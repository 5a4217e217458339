"""A set-up behind a real pooler: what cannot last is refused, and no other client meets it."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from tests.staging.patience import until
from wellhead import Database, DatabaseSettings, SetUpError

LEFT = """
    SELECT (SELECT count(*) FROM pg_prepared_statements WHERE from_sql)
        + (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())
        + (SELECT count(*) FROM pg_settings WHERE name = 'work_mem' AND source = 'session')
"""
LOCKS = "SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711"


def doing(statement: str) -> Callable[[Any], Awaitable[None]]:
    async def do(connection: Any) -> None:
        await connection.execute(statement)

    return do


@pytest.mark.parametrize(
    "statement",
    ["SET work_mem = '5MB'", "PREPARE own AS SELECT 1", "SELECT pg_advisory_lock(4711)"],
)
async def test_what_a_set_up_sets_reaches_no_other_client(
    pooled_url: str, database_url: str, statement: str
) -> None:
    settings = DatabaseSettings(url=pooled_url, connect_retry_count=1, pool_size=5)
    with pytest.raises(SetUpError):
        await Database(settings, set_up=doing(statement)).open()

    async with Database(settings, set_up=doing("SELECT 1")) as database:
        for _ in range(6):
            async with database.session() as session:
                assert await (await session.connection()).scalar(text(LEFT)) == 0
    admin = await asyncpg.connect(database_url)
    await until(lambda: admin.fetchval(LOCKS))
    await admin.close()
