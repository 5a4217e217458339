"""Figure 5: an idle service lets its database sleep, and the next requests wake it once."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.faults.sleep import CROWD, ROUNDS, Sleepers, Waking, Way, stage_neon, ways
from tests.staging.neon import DOMAIN, StagedNeon, StoppedPostgres
from tests.staging.pgbouncer import missing
from tests.staging.pki import PKI

pytestmark = pytest.mark.slow

HAS_POOLER = not missing() or os.environ.get("WELLHEAD_POOLERS") == "required"


@pytest.fixture
async def neon(
    todo_postgres: StoppedPostgres, pki: PKI, tmp_path: Path
) -> AsyncIterator[StagedNeon]:
    """A compute that falls asleep soon, with a pooler where one is installed."""
    async with stage_neon(todo_postgres, pki, tmp_path, with_pooler=HAS_POOLER) as neon:
        yield neon


async def test_an_idle_service_lets_its_database_sleep_and_wakes_it_once(
    neon: StagedNeon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Sleepers(neon, ways(neon, with_pooler=HAS_POOLER), tmp_path) as sleepers:
        quiet = await sleepers.be_quiet(ROUNDS)

        # Not a byte, not a connection, neither to the compute nor to the proxy before it.
        assert quiet.after == quiet.before
        asked = ROUNDS * len(sleepers.services)
        assert {"/health", "/health/db", "/db/pool-status"} <= set(quiet.probes)
        assert quiet.answers == {(path, 200): asked for path in quiet.probes}

        wakings: dict[str, list[Waking]] = {}
        for name in sleepers.services:
            wakings[name] = [await sleepers.wake(name, 1), await sleepers.wake(name, CROWD)]
    lines = [str(quiet), *(f"{name}: {it}" for name, both in wakings.items() for it in both)]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")

    for one, many in wakings.values():
        assert (one.starts, one.statuses) == (1, [201])
        assert many.starts == 1
        assert sorted(many.statuses) == [200] * (CROWD // 2) + [201] * (CROWD // 2)


async def test_a_database_that_is_not_known_for_sleeping_is_asked_and_woken(
    neon: StagedNeon, tmp_path: Path
) -> None:
    """Otherwise the figure above would only prove that the probes were too few."""
    stranger = Way("stranger", neon.url().replace(DOMAIN, "example"), is_by_name=True)
    async with Sleepers(neon, [stranger], tmp_path) as sleepers:
        quiet = await sleepers.be_quiet(ROUNDS)

    assert quiet.after.starts > quiet.before.starts
