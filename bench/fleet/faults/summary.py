"""The figures of the fleet's outages, for a terminal and for docs/explanation/scale.md."""

import datetime as dt
import os
import platform
from collections import Counter
from collections.abc import Sequence

from bench.fleet.faults.trial import Suffered, Trial

_SHOWN = 5


def paragraph(trial: Trial) -> str:
    """One trial in a few lines."""
    lines = [f"{trial.outage.name}, by way of {trial.route}"]
    for each in trial.suffered:
        recovery = "not in time" if each.recovered is None else f"after {each.recovered:.1f} s"
        lines.append(
            f"  {each.app}: {each.acknowledged} done; {_saw(each)}; {each.stale} stale reads;"
            f" {_broken(each)}; {each.without_writes:.1f} s without writes,"
            f" {each.without_reads:.1f} s without reads; all served again {recovery}"
        )
        lines += [f"    {wrong.kind}: {wrong.words}" for wrong in each.wrongs[:_SHOWN]]
    return "\n".join(lines)


def table(trials: Sequence[Trial], *, seed: int, servers: str, left_out: Sequence[str]) -> str:
    """The trials of one way to the database, in Markdown, with when and where.

    Args:
        trials: In the order of the table.
        seed: What brought chance about.
        servers: Which programs took part.
        left_out: What could not be staged on this machine, and why.
    """
    heads = ["Fault"]
    for each in trials[0].suffered:
        heads += [
            f"{each.app}: clients saw",
            "stale reads",
            "lost",
            "s without writes",
            "s without reads",
        ]
    rows = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for trial in trials:
        cells = [trial.outage.name]
        for each in trial.suffered:
            cells += [
                _saw(each),
                str(each.stale),
                _broken(each),
                f"{each.without_writes:.1f}",
                f"{each.without_reads:.1f}",
            ]
        rows.append("| " + " | ".join(cells) + " |")
    measured = (
        f"Measured on {dt.datetime.now(tz=dt.UTC):%Y-%m-%d} with seed {seed}: {servers}, Python"
        f" {platform.python_version()}, {os.cpu_count()} cores of {platform.machine()}."
    )
    return "\n".join([*rows, "", " ".join([measured, *left_out])])


def _saw(suffered: Suffered) -> str:
    if not suffered.failures:
        return "no failure"
    return ", ".join(f"{count} x {words}" for words, count in suffered.failures.most_common())


def _broken(suffered: Suffered) -> str:
    kinds = Counter(wrong.kind for wrong in suffered.wrongs)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "nothing"
