"""What round trips cost, and how a cold start is told."""

from pathlib import Path

import pytest

from tests.doctor.checks.of_case import case_with
from tests.staging.neon import StagedNeon, StoppedPostgres
from tests.staging.pki import PKI
from wellhead.doctor import Wishes, examine
from wellhead.doctor.checks.timing import of_round_trips


def test_a_request_waits_for_each_of_its_round_trips() -> None:
    case = case_with()
    finding = of_round_trips(case, [0.002] * 20)

    assert finding.code is None
    assert "2.0 ms (p50) and 2.0 ms (p95)" in finding.seen
    assert "2.0 ms with 1, 6.0 ms with 3, 12.0 ms with 6" in finding.seen


def test_a_database_in_another_region_is_far_away() -> None:
    assert of_round_trips(case_with(), [0.08] * 20).code == "far_away"


@pytest.mark.slow
@pytest.mark.usefixtures("neon_names")
async def test_a_database_that_had_to_wake_is_told_by_its_second_login(
    stopped_postgres: StoppedPostgres, pki: PKI, tmp_path: Path
) -> None:
    async with StagedNeon(stopped_postgres, pki, tmp_path, start_delay=5.0) as neon:
        report = await examine(Wishes(url=f"{neon.url()}&connect_timeout=25"))
        starts = neon.figures().starts

    assert starts == 1
    assert "cold_start" in [finding.code for finding in report.findings]
