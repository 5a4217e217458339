"""Every fault once on the Todo API, with a seed: the quick version of ``make faults``.

``FAULTS_SEED`` takes another seed. Without the PgBouncers of ``make poolers`` the faults that need
one are left out, except where WELLHEAD_POOLERS=required says that they may not be.
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.faults.apps import TODO
from bench.faults.fault import Fault
from bench.faults.report import line_of
from bench.faults.scenario import BRIEFLY, Played
from bench.faults.suite import playable, run
from tests.staging.pgbouncer import missing

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("FAULTS_SEED", "20261122"))

IS_POOLER_REQUIRED = os.environ.get("WELLHEAD_POOLERS") == "required"

PLAYED = playable(with_pooler=IS_POOLER_REQUIRED or not missing())

Results = Mapping[type[Fault], Played]


@pytest.fixture(scope="module")
def results(public_directory: Path) -> Results:
    """All faults, played one after the other."""

    async def play() -> Results:
        directory = public_directory / "faults"
        directory.mkdir()
        played = run(PLAYED, directory, kinds=[TODO], seed=SEED, rounds=1, pace=BRIEFLY)
        return {type(each.fault): each async for each in played}

    return asyncio.run(play())


@pytest.mark.parametrize("fault", PLAYED, ids=lambda fault: fault.__name__)
def test_the_table_agrees_with_every_answer(fault: type[Fault], results: Results) -> None:
    played = results[fault]

    assert played.fault.happened
    assert not played.reports[0].wrongs, f"seed {SEED}: {line_of(played)}"


@pytest.mark.parametrize("fault", PLAYED, ids=lambda fault: fault.__name__)
def test_no_client_gives_up_waiting(fault: type[Fault], results: Results) -> None:
    played = results[fault]

    assert not played.reports[0].failures["no answer"], f"seed {SEED}: {line_of(played)}"


@pytest.mark.parametrize("fault", PLAYED, ids=lambda fault: fault.__name__)
def test_every_client_is_served_again(fault: type[Fault], results: Results) -> None:
    played = results[fault]

    assert played.reports[0].recovered is not None, f"seed {SEED}: {line_of(played)}"
