"""Long transactions and blockers, named without their statements."""

import asyncio

from tests.doctor.stages import connected
from tests.staging.patience import until
from wellhead.doctor import Wishes, examine
from wellhead.doctor.checks.activity import findings_about

IDLE = {"pid": 7, "name": "shop", "state": "idle in transaction", "age": 400.0, "blockers": ""}


def test_a_transaction_of_minutes_is_a_finding_with_its_session_to_end() -> None:
    [finding] = findings_about([IDLE, {**IDLE, "pid": 8, "age": 3.0}])

    assert finding.code == "long_transaction"
    assert "shop, idle in transaction" in finding.seen
    assert finding.cure == "SELECT pg_terminate_backend(7)"


def test_the_session_that_waits_for_nobody_is_the_blocker() -> None:
    rows = [
        {**IDLE, "pid": 1, "age": 9.0, "name": "report"},
        {**IDLE, "pid": 2, "age": 8.0, "blockers": "1"},
        {**IDLE, "pid": 3, "age": 7.0, "blockers": "2"},
    ]
    [finding] = findings_about(rows)

    assert finding.code == "blocked"
    assert finding.seen == "2 sessions wait for a lock of report (1)."


async def test_a_session_that_waits_for_a_lock_is_seen(database_url: str) -> None:
    async with connected(database_url) as holder, connected(database_url) as waiter:
        await holder.execute("CREATE TABLE pond ()")
        async with holder.transaction():
            await holder.execute("LOCK TABLE pond")
            waiting = asyncio.create_task(waiter.execute("DROP TABLE pond"))
            pid = waiter.get_server_pid()

            async def is_blocked() -> bool:
                return bool(await holder.fetchval("SELECT pg_blocking_pids($1)", pid))

            await until(is_blocked)
            report = await examine(Wishes(url=database_url))
        await waiting

    [finding] = [finding for finding in report.findings if finding.code == "blocked"]
    assert f"({holder.get_server_pid()})" in finding.seen
    assert "pond" not in finding.seen
