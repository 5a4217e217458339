"""The suite's figures, for a terminal and for docs/explanation/failure.md."""

import datetime as dt
import os
import platform
from collections import Counter
from collections.abc import Sequence

from bench.faults.scenario import Played, Report

_SHOWN = 5


def line_of(played: Played) -> str:
    """One scenario in a few lines."""
    lines = [f"{played.fault.name} ({played.rounds} x, took effect {played.fault.happened} times)"]
    for report in played.reports:
        lines.append(
            f"  {report.app}: {report.acknowledged} done; {saw(report)}; all served again after"
            f" {recovery(report)}; longest request {report.longest:.1f} s, {report.late} late;"
            f" {broken(report)}"
        )
        lines += [f"    {wrong.kind}: {wrong.words}" for wrong in report.wrongs[:_SHOWN]]
    return "\n".join(lines)


def saw(report: Report) -> str:
    """What clients saw other than success."""
    if not report.failures:
        return "no failure"
    return ", ".join(f"{count} x {words}" for words, count in report.failures.most_common())


def recovery(report: Report) -> str:
    """How long it took until all were served again."""
    if report.recovered is None:
        return "not in time"
    return f"{report.recovered:.1f} s"


def broken(report: Report) -> str:
    """Which promises were broken, and how often."""
    kinds = Counter(wrong.kind for wrong in report.wrongs)
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "nothing"


def section(played: Sequence[Played], *, seed: int, servers: str) -> str:
    """The table of all faults, in Markdown, with when and where.

    Args:
        played: The scenarios, in the order of the table.
        seed: What brought chance about.
        servers: Which servers took part.
    """
    heads = ["Fault"]
    for report in played[0].reports:
        heads += [f"{report.app}: clients saw", "all served after", "lost"]
    rows = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for each in played:
        cells = [each.fault.name]
        for report in each.reports:
            cells += [saw(report), recovery(report), broken(report)]
        rows.append("| " + " | ".join(cells) + " |")
    totals = [_total(reports) for reports in zip(*(each.reports for each in played), strict=True)]
    measured = (
        f"Measured on {dt.datetime.now(tz=dt.UTC):%Y-%m-%d} with seed {seed}, each fault up to"
        f" {max(each.rounds for each in played)} times: {servers}, Python"
        f" {platform.python_version()}, {os.cpu_count()} cores of {platform.machine()}."
    )
    return "\n".join([*rows, "", *totals, "", measured])


def _total(reports: Sequence[Report]) -> str:
    done = sum(report.acknowledged for report in reports)
    failed = sum(report.failed for report in reports)
    unknown = sum(report.unknown for report in reports)
    late = sum(report.late for report in reports)
    wrongs = sum(len(report.wrongs) for report in reports)
    return (
        f"- {reports[0].app}: {done} requests acknowledged, {failed} failed ({unknown} of them left"
        f" it open), {late} outlived their deadline, {wrongs} promises broken."
    )
