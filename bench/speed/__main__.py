"""Wellhead next to its peers, in one run. Run it with ``make bench`` or ``make bench QUICK=1``.

``docs/explanation/speed.md`` says how it is measured.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from bench import page
from bench.speed import imports, plot, report
from bench.speed.peer import ROOT
from bench.speed.play import Length
from bench.speed.result import Result
from bench.speed.run import Run
from bench.speed.setting import BASE, FULL, QUICK, Setting

RESULTS = ROOT / "bench" / "results"
_SERIES = ("GET", "POST")
_PLOTS = (
    ("rate", "base", BASE, "rate", "Requests a second, one core"),
    ("cpu", "base", BASE, "cpu", "CPU time of the server for a request, ms"),
    ("link", "link", Setting(connections=1, link=5), "p50", "Median time, link of 5 ms, ms"),
)
"""Their names, the tables they stand before, and what they show."""


def measure(*, quick: bool, rounds: int) -> Result:
    """Play everything, or, quickly, a part of it."""
    if quick:
        run = Run(QUICK, Length(rounds=2, most=2, seconds=0.3, warm=0.1), print, quick=True)
    else:
        run = Run(FULL, Length(rounds, most=2 * rounds, seconds=0.3, warm=0.1), print)
    # Whatever is started from here on stays off the server's core.
    os.sched_setaffinity(0, run.cores[1])
    with tempfile.TemporaryDirectory(prefix="wellhead-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        result = run.begin()
        try:
            asyncio.run(run.play(result, directory))
            result.imports = imports.measure(3 * run.length.rounds)
        finally:
            # The slots before a failure are worth a look.
            if not quick:
                print(f"Kept in {result.write(RESULTS)}")
    return result


def publish(result: Result, where: Path) -> None:
    """Put tables and plots on the page; the plots are in the folder of its name next to it."""
    texts = dict(report.tables(result))
    plots = where.with_suffix("")
    for name, table, setting, metric, title in _PLOTS:
        plot.write(plots, name, title, _SERIES, report.spreads(result, setting.name, metric))
        texts[table] = f"{plot.picture(plots.name, name, title)}\n\n{texts[table]}"
    for name, text in texts.items():
        page.write(text, where, name=f"bench-speed-{name}")


def main() -> None:
    """Measure, or read what was measured; print, and write where asked to."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few settings, in two minutes")
    parser.add_argument("--rounds", type=int, default=11, help="clean slots of each peer")
    parser.add_argument("--read", type=Path, help="a run of before, in place of a new one")
    parser.add_argument("--write", type=Path, help="the page to write the tables to")
    arguments = parser.parse_args()
    if not sys.platform.startswith("linux"):
        parser.error("it reads the accounts of processes from /proc, which only Linux has.")
    if arguments.quick and arguments.write:
        parser.error("a quick run is not for a page.")
    if arguments.read:
        result = Result.read(arguments.read)
    else:
        result = measure(quick=arguments.quick, rounds=arguments.rounds)
    if report.tell(result, report.tables(result)) and arguments.write:
        publish(result, arguments.write)
    elif arguments.write:
        sys.exit(1)


if __name__ == "__main__":
    main()
