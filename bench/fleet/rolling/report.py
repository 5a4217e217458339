"""The figures of rolling replacements, for a terminal and for docs/explanation/scale.md."""

import datetime as dt
import os
import platform
from collections.abc import Sequence

from bench.fleet.faults.trial import Trial


def table(trials: Sequence[Trial], *, seed: int, servers: str) -> str:
    """What clients saw of each replacement, in Markdown, with when and where.

    Args:
        trials: In the order of the table.
        seed: What brought chance about.
        servers: Which programs took part.
    """
    rows = [
        "| Replaced | succeeded | failed | broken promises | longest request, s |",
        "|---|---:|---:|---|---:|",
    ]
    for trial in trials:
        (saw,) = trial.suffered
        failed = ", ".join(f"{count} x {words}" for words, count in saw.failures.most_common())
        broken = ", ".join(f"{count} {kind}" for kind, count in saw.broken.items())
        rows.append(
            f"| {trial.outage.name} | {saw.acknowledged:,} | {failed or 0}"
            f" | {broken or 'none'} | {saw.longest:.1f} |"
        )
    measured = (
        f"Measured on {dt.datetime.now(tz=dt.UTC):%Y-%m-%d} with seed {seed}: {servers}, Python"
        f" {platform.python_version()}, {os.cpu_count()} cores of {platform.machine()}."
    )
    return "\n".join([*rows, "", measured])


def is_flawless(trial: Trial) -> bool:
    """Whether no client saw a failure, and no promise was broken."""
    return not any(saw.failures or saw.broken or saw.recovered is None for saw in trial.suffered)
