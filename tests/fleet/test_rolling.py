"""What is replaced under load: when that was flawless, and the two releases on one schema."""

from collections import Counter
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from bench.faults.console import Console
from bench.faults.ledger import Outcome
from bench.faults.verdict import Wrong
from bench.fleet.consistency import Findings
from bench.fleet.faults.outage import HAProxyKilled
from bench.fleet.faults.route import Route
from bench.fleet.faults.trial import Suffered, Trial
from bench.fleet.history import Kind, Operation
from bench.fleet.rolling.release import UNLIKE, migrate_released
from bench.fleet.rolling.released.app import First, Release, Second
from bench.fleet.rolling.report import is_flawless, table
from wellhead import Database, DatabaseSettings

NOTHING = Findings([], [], [], [], [], [], [])
READ = Operation(1, "a", Kind.READ, 1, 2, 3, Outcome.ACKNOWLEDGED, None)
WELL = Suffered("the first", 1234, Counter(), NOTHING, [], 0.1, 0.1, 4.56, recovered=0.1)


def trial(suffered: Suffered) -> Trial:
    return Trial(HAProxyKilled(), Route.HAPROXY, [suffered])


def row(suffered: Suffered) -> str:
    [*_, last] = [
        line
        for line in table([trial(suffered)], seed=1, servers="").splitlines()
        if line.startswith("|")
    ]
    return last


def test_nothing_failed_and_nothing_was_broken() -> None:
    assert is_flawless(trial(WELL))
    assert row(WELL) == f"| {HAProxyKilled.name} | 1,234 | 0 | none | 4.6 |"


@pytest.mark.parametrize(
    "suffered",
    [
        replace(WELL, failures=Counter({"503 for a read": 1})),
        replace(WELL, findings=replace(NOTHING, stale=[READ])),
        replace(WELL, wrongs=[Wrong("torn", "")]),
        replace(WELL, recovered=None),
    ],
)
def test_one_failure_is_a_flaw(suffered: Suffered) -> None:
    assert not is_flawless(trial(suffered))


def test_the_table_names_failures_and_broken_promises() -> None:
    suffered = replace(
        WELL,
        failures=Counter({"503 unreachable": 2}),
        findings=replace(NOTHING, stale=[READ]),
    )

    assert "| 2 x 503 unreachable | 1 stale |" in row(suffered)


async def write(url: str, release: Release) -> UUID:
    """Create a task, change it and find it again in a release."""
    task_id = uuid4()
    async with Database(DatabaseSettings(url=url)) as database:
        await release.create.execute(database, id=task_id, title="Water")
        await release.change.one(database, task_id=task_id, description="THE Plants")
        found = await release.find.one(database, task_id=task_id)
    assert (found.title, found.description) == ("Water", "THE Plants")
    return task_id


async def test_both_releases_work_on_the_schema_between_them(database_url: str) -> None:
    await migrate_released(database_url, "0002")
    by_first = await write(database_url, First())
    by_second = await write(database_url, Second())
    async with Database(DatabaseSettings(url=database_url)) as database:
        # The first knows nothing of the other column, which is wrong after that.
        await First().change.one(database, task_id=by_second, description="Twice")
        await migrate_released(database_url, "0004")
        kept = [
            await Second().find.one(database, task_id=task_id) for task_id in (by_first, by_second)
        ]

    assert [each.description for each in kept] == ["THE Plants", "Twice"]
    assert await Console(database_url).ask(UNLIKE) == 0
    await write(database_url, Second())


@pytest.mark.parametrize(("revision", "release"), [("0001", Second), ("0004", First)])
async def test_each_needs_the_schema_to_be_widened_or_not_narrowed_yet(
    database_url: str, revision: str, release: type[First | Second]
) -> None:
    await migrate_released(database_url, revision)

    with pytest.raises(DBAPIError, match="does not exist"):
        await write(database_url, release())
