"""The Todo API next to the same routes by hand, and to itself before. ``make bench-todo`` runs it.

``docs/explanation/todo-speed.md`` says how it is measured.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import page
from bench.speed.peer import ROOT
from bench.speed.play import Length
from bench.speed.report import tell
from bench.todo_speed import report
from bench.todo_speed.result import PARTS, SIZES, TodoResult
from bench.todo_speed.run import Run

RESULTS = ROOT / "bench" / "results" / "todo"


def measure(*, quick: bool, rounds: int, parts: Sequence[str]) -> TodoResult:
    """Play these parts; quickly, with few rounds and small tables."""
    if quick:
        length = Length(rounds=2, most=2, seconds=0.5, warm=0.2)
        run = Run(length, print, parts, SIZES[:2], quick=True)
    else:
        run = Run(Length(rounds, most=2 * rounds, seconds=1.0, warm=0.3), print, parts)
    # Whatever is started from here on stays off the server's core.
    os.sched_setaffinity(0, run.cores[1])
    with tempfile.TemporaryDirectory(prefix="wellhead-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        result = run.begin()
        try:
            asyncio.run(run.play(result, directory))
        finally:
            # The slots before a failure are worth a look.
            if not quick:
                print(f"Kept in {result.write(RESULTS)}")
    return result


def publish(result: TodoResult, where: Path) -> None:
    """Put the tables on the page."""
    for name, text in report.tables(result).items():
        page.write(text, where, name=f"todo-speed-{name}")


def _parts(text: str) -> list[str]:
    named = text.split(",")
    if unknown := set(named) - set(PARTS):
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(sorted(unknown))}")
    return named


def main() -> None:
    """Measure, or read what was measured; print, and write where asked to."""
    parser = argparse.ArgumentParser(prog="make bench-todo", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds and small tables")
    parser.add_argument("--rounds", type=int, default=11, help="clean slots of each contestant")
    parser.add_argument(
        "--only", type=_parts, default=list(PARTS), help=f"some of {','.join(PARTS)}"
    )
    parser.add_argument("--read", type=Path, help="a run of before, in place of a new one")
    parser.add_argument("--write", type=Path, help="the page to write the tables to")
    arguments = parser.parse_args()
    if not sys.platform.startswith("linux"):
        parser.error("it reads the accounts of processes from /proc, which only Linux has.")
    if arguments.write and (arguments.quick or len(arguments.only) < len(PARTS)):
        parser.error("only a whole run is for a page.")
    if arguments.read:
        result = TodoResult.read(arguments.read)
    else:
        result = measure(quick=arguments.quick, rounds=arguments.rounds, parts=arguments.only)
    if tell(result, report.tables(result)) and arguments.write:
        publish(result, arguments.write)
    elif arguments.write:
        sys.exit(1)


if __name__ == "__main__":
    main()
