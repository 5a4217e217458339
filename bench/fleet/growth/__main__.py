"""What grows with what: the Todo API's reads and writes in more processes, with more replicas.

Run it with ``make growth``. It starts its own primary and standbys, and takes some minutes.
"""

import argparse
import asyncio
import sys
import tempfile
from itertools import groupby
from pathlib import Path

from bench.fleet.growth.cell import Cell, Costs
from bench.fleet.growth.load import READS_PER_WRITE, Load
from bench.fleet.growth.paper import Paper
from bench.fleet.growth.report import computed, conditions, counted, timed
from bench.fleet.growth.stage import open_stage
from bench.page import write
from tests.staging.streaming import Replication

PROCESSES = (8, 4, 2, 1)
"""By turns fewer, so that no process keeps connections from when it had more to do."""

REPLICAS = 3
LOAD = Load(clients=8, writes=30, reads=READS_PER_WRITE)

# As a server has them that is not for tests; and no checkpoint falls into a measurement.
OPTIONS = {
    "fsync": "on",
    "full_page_writes": "on",
    "checkpoint_timeout": "1h",
    "max_wal_size": "4GB",
}


async def measure(replication: Replication, directory: Path) -> list[Cell]:
    """Everything, with no replica first, and the fewest processes first."""
    cells = []
    for replicas in range(REPLICAS + 1):
        opened = open_stage(
            replication,
            directory / f"replicas-{replicas}",
            replicas=replicas,
            processes=PROCESSES[0],
            clients=LOAD.clients,
        )
        async with opened as stage:
            for processes in PROCESSES:
                await stage.shrink_to(processes)
                cells.append(await Cell.measure(stage, LOAD))
                print(f"{replicas} replicas, {processes} processes: done", file=sys.stderr)
    return sorted(cells, key=lambda cell: (cell.replicas, cell.processes))


def main() -> None:
    """Measure, compute, print, and write to a page where asked to."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet.growth", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables on this page")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wellhead-") as name:
        path = Path(name)
        path.chmod(0o755)
        with Replication(path / "servers", standbys=REPLICAS, options=OPTIONS) as replication:
            cells = asyncio.run(measure(replication, path))
            server = replication.primary.postgres.version
    costs = [Costs.of([*some]) for _, some in groupby(cells, key=lambda cell: cell.replicas)]
    measured = "\n\n".join([counted(cells), timed(cells), conditions(cells, server=server)])
    on_paper = computed(Paper(alone=costs[0], spread=costs[-1], replicas=REPLICAS))
    for section, text in {"growth": measured, "growth-on-paper": on_paper}.items():
        print(text)
        if arguments.write:
            write(text, arguments.write, name=section)


if __name__ == "__main__":
    main()
