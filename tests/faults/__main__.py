"""``python -m tests.faults``: the whole suite, with a table at the end."""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.faults.apps import TODO, USUAL
from tests.faults.report import line_of, section, write
from tests.faults.scenario import Played
from tests.faults.suite import FAULTS, playable, run, servers
from tests.staging.pgbouncer import missing

_ROUNDS = 3


def main() -> int:
    """Play the faults; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--quick", action="store_true", help="each fault once, the Todo API alone")
    parser.add_argument("--only", metavar="WORD", default="", help="faults with this in their name")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table on this page")
    parser.add_argument("--keep", action="store_true", help="leave the logs, and say where")
    given = parser.parse_args()
    if missing():
        parser.error(f"PgBouncer {' and '.join(missing())} is missing: run make poolers.")
    print(f"seed {given.seed}", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="wellhead-faults-"))
    directory.chmod(0o755)
    try:
        played = asyncio.run(_play(directory, given.seed, quick=given.quick, only=given.only))
    finally:
        if given.keep:
            print(f"logs in {directory}")
        else:
            shutil.rmtree(directory)
    played.sort(key=lambda each: FAULTS.index(type(each.fault)))
    text = section(played, seed=given.seed, servers=servers())
    print(text)
    if given.write is not None:
        write(text, given.write)
    return 1 if any(each.reports[0].wrongs or each.reports[0].late for each in played) else 0


async def _play(directory: Path, seed: int, *, quick: bool, only: str) -> list[Played]:
    played = []
    chosen = [
        fault
        for fault in playable(with_pooler=True)
        if only.casefold() in fault.__name__.casefold()
    ]
    kinds = (TODO,) if quick else (TODO, USUAL)
    rounds = 1 if quick else _ROUNDS
    async for each in run(chosen, directory, kinds=kinds, seed=seed, rounds=rounds):
        print(line_of(each), flush=True)
        played.append(each)
    return played


if __name__ == "__main__":
    sys.exit(main())
