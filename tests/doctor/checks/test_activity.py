"""Long transactions and blockers, named without their statements."""

import pytest

from tests.doctor.stages import blocking
from wellhead.doctor import Wishes, examine
from wellhead.doctor.checks import activity
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


async def test_an_old_transaction_that_blocks_another_is_named_twice(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "LONG", 0.0)
    async with blocking(database_url) as holder:
        report = await examine(Wishes(url=database_url))

    found = {finding.code: finding for finding in report.findings if finding.check == "activity"}
    cure = f"SELECT pg_terminate_backend({holder.get_server_pid()})"
    assert found.keys() == {"long_transaction", "blocked"}
    assert {finding.cure for finding in found.values()} == {cure}
    # Statements may have secrets.
    assert "pond" not in repr(report.findings)
