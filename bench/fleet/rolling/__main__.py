"""``python -m bench.fleet.rolling``: every part of a fleet is replaced under load.

No client is to see a failure; a table at the end says what they saw.
"""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from bench.faults.chance import chance
from bench.faults.scenario import AT_LENGTH
from bench.fleet.faults.trial import Trial
from bench.fleet.fleet import APPLICATIONS, open_fleet
from bench.fleet.programs import missing, versions
from bench.fleet.rolling.report import is_flawless, table
from bench.fleet.rolling.rolling import STEPS, roll
from bench.page import write


def main() -> int:
    """Replace everything; 1 when a client saw a failure, or a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet.rolling", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--only", metavar="WORD", default="", help="with this in their name")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table on this page")
    parser.add_argument("--keep", action="store_true", help="leave the logs, and say where")
    given = parser.parse_args()
    if absent := missing():
        parser.error(f"{', '.join(absent)} is missing: run make fleet-programs.")
    print(f"seed {given.seed}", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="wellhead-fleet-"))
    directory.chmod(0o755)
    try:
        trials = asyncio.run(_roll(directory, given))
    finally:
        if given.keep:
            print(f"logs in {directory}")
        else:
            shutil.rmtree(directory)
    text = table(trials, seed=given.seed, servers=versions())
    print(text)
    if given.write is not None:
        write(text, given.write, name="fleet-rolling")
    return 0 if all(map(is_flawless, trials)) else 1


async def _roll(directory: Path, given: argparse.Namespace) -> list[Trial]:
    word = given.only.casefold()
    chosen = [step for step in STEPS if word in step.__name__.casefold()]
    async with open_fleet(directory, applications=0) as fleet:
        return await roll(
            fleet, directory, chosen, chance(given.seed), count=APPLICATIONS, pace=AT_LENGTH
        )


if __name__ == "__main__":
    sys.exit(main())
