"""``python -m bench.faults``: the whole suite, with a table at the end."""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from bench.faults import figures
from bench.faults.apps import TODO, USUAL
from bench.faults.figures import Figure
from bench.faults.report import line_of, section
from bench.faults.scenario import AT_LENGTH, BRIEFLY, Played
from bench.faults.suite import FAULTS, playable, run, servers
from bench.page import write
from tests.staging.pgbouncer import missing

FIGURES = "figures"
"""What the other figures are called, for `--only` and on the page."""

_ROUNDS = 3


def main() -> int:
    """Play the faults; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument(
        "--quick",
        action="store_true",
        help="each fault once, the Todo API alone, and no other figure",
    )
    parser.add_argument(
        "--only",
        metavar="WORD",
        default="",
        help=f"faults with this in their name, or {FIGURES!r} for overload, sleep and bad input",
    )
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables on this page")
    parser.add_argument("--keep", action="store_true", help="leave the logs, and say where")
    given = parser.parse_args()
    if missing():
        parser.error(f"PgBouncer {' and '.join(missing())} is missing: run make poolers.")
    print(f"seed {given.seed}", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="wellhead-faults-"))
    directory.chmod(0o755)
    try:
        played = asyncio.run(_play(directory, given.seed, quick=given.quick, only=given.only))
        is_whole = not given.only and not given.quick
        others = asyncio.run(_figures(directory)) if is_whole or given.only == FIGURES else []
    finally:
        if given.keep:
            print(f"logs in {directory}")
        else:
            shutil.rmtree(directory)
    sections = {}
    if played:
        played.sort(key=lambda each: FAULTS.index(type(each.fault)))
        sections["faults"] = section(played, seed=given.seed, servers=servers())
    if others:
        sections[FIGURES] = figures.table(others, servers=servers())
    for name, text in sections.items():
        print(text)
        if given.write is not None:
            write(text, given.write, name=name)
    is_broken = any(each.reports[0].wrongs or each.reports[0].late for each in played)
    return 1 if is_broken or any(each.broken for each in others) else 0


async def _figures(directory: Path) -> list[Figure]:
    played = []
    async for each in figures.play(directory):
        print(each, flush=True)
        played.append(each)
    return played


async def _play(directory: Path, seed: int, *, quick: bool, only: str) -> list[Played]:
    played = []
    chosen = [
        fault
        for fault in playable(with_pooler=True)
        if only.casefold() in fault.__name__.casefold()
    ]
    kinds = (TODO,) if quick else (TODO, USUAL)
    rounds, pace = (1, BRIEFLY) if quick else (_ROUNDS, AT_LENGTH)
    async for each in run(chosen, directory, kinds=kinds, seed=seed, rounds=rounds, pace=pace):
        print(line_of(each), flush=True)
        played.append(each)
    return played


if __name__ == "__main__":
    sys.exit(main())
