"""The figures of the fleet's outages, for a terminal and for docs/explanation/scale.md."""

import datetime as dt
import os
import platform
from collections.abc import Mapping, Sequence

from bench.fleet.faults.trial import Suffered, Trial

_SHOWN = 5
_COLUMNS = {
    "stale": "stale",
    "non_monotonic": "not monotonic",
    "lost": "lost",
    "from_old_primaries": "old primary",
}
"""The kinds of broken promises that have a column of their own, and its head."""


def paragraph(trial: Trial) -> str:
    """One trial in a few lines."""
    lines = [f"{trial.outage.name}, by way of {trial.route}"]
    for each in trial.suffered:
        recovery = "not in time" if each.recovered is None else f"after {each.recovered:.1f} s"
        lines.append(
            f"  {each.app}: {each.acknowledged} done; {_saw(each)};"
            f" broken: {_listed(each.broken) or 'nothing'}; {each.without_writes:.1f} s without"
            f" writes, {each.without_reads:.1f} s without reads; all served again {recovery}"
        )
        lines += [f"    {wrong.kind}: {wrong.words}" for wrong in each.wrongs[:_SHOWN]]
        lines += [
            f"    old primary: {write}" for write in each.findings.from_old_primaries[:_SHOWN]
        ]
    return "\n".join(lines)


def table(trials: Sequence[Trial], *, seed: int, servers: str, left_out: Sequence[str]) -> str:
    """The trials of one way to the database, in Markdown, with when and where.

    Args:
        trials: In the order of the table.
        seed: What brought chance about.
        servers: Which programs took part.
        left_out: What could not be staged on this machine, and why.
    """
    heads = [
        *("Fault", "application", "clients saw", *_COLUMNS.values(), "otherwise broken"),
        *("s without writes", "s without reads"),
    ]
    rows = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for trial in trials:
        for each in trial.suffered:
            others = each.broken.keys() - _COLUMNS.keys()
            cells = [
                *(trial.outage.name, each.app, _saw(each)),
                *(str(each.broken[kind]) for kind in _COLUMNS),
                _listed({kind: each.broken[kind] for kind in sorted(others)}) or "nothing",
                *(f"{each.without_writes:.1f}", f"{each.without_reads:.1f}"),
            ]
            rows.append("| " + " | ".join(cells) + " |")
    measured = (
        f"Measured on {dt.datetime.now(tz=dt.UTC):%Y-%m-%d} with seed {seed}: {servers}, Python"
        f" {platform.python_version()}, {os.cpu_count()} cores of {platform.machine()}."
    )
    return "\n".join([*rows, "", " ".join([measured, *left_out])])


def _saw(suffered: Suffered) -> str:
    return _listed(dict(suffered.failures.most_common()), by=" x ") or "no failure"


def _listed(counts: Mapping[str, int], *, by: str = " ") -> str:
    return ", ".join(f"{count}{by}{words}" for words, count in counts.items())
