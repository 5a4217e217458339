"""What a request takes does not depend on how many processes serve; counted, not timed."""

from pathlib import Path

import pytest

from bench.fleet.growth.cell import Cell
from bench.fleet.growth.load import Load
from bench.fleet.growth.stage import Measured, open_stage
from tests.staging.streaming import Replication

pytestmark = pytest.mark.slow

LOAD = Load(clients=2, writes=5, reads=4)


def work(measured: Measured) -> int:
    """Round trips that did something for a request, wherever."""
    servers = (measured.primary, *measured.replicas)
    return sum(each.round_trips - each.positions for each in servers)


async def test_round_trips_do_not_grow_with_processes(
    replication: Replication, tmp_path: Path
) -> None:
    opened = open_stage(replication, tmp_path, replicas=1, processes=2, clients=LOAD.clients)
    async with opened as stage:
        two = await Cell.measure(stage, LOAD)
        await stage.shrink_to(1)
        one = await Cell.measure(stage, LOAD)

    assert [one.processes, two.processes] == [1, 2]
    for cell in (one, two):
        assert work(cell.writing) == LOAD.all_writes
        assert work(cell.mixed) == LOAD.all_writes + LOAD.all_reads
        for each in (cell.mixed.primary, *cell.mixed.replicas):
            assert each.statements == each.round_trips
        # One question for each write.
        assert cell.writing.primary.positions == LOAD.all_writes
        assert cell.mixed.primary.steady == cell.mixed.primary.most == LOAD.clients
        [replica] = cell.mixed.replicas
        used = [cell.mixed.application, cell.mixed.primary.seconds, replica.seconds]
        assert min([*used, cell.writing.wal]) > 0
    assert two.mixed.replicas[0].round_trips > 0
