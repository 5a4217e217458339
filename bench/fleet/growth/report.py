"""What was measured, and what follows from it, for docs/explanation/scale.md."""

import datetime as dt
import os
import platform
from collections.abc import Iterable, Sequence

from bench.fleet.growth.cell import (
    Cell,
    application_time,
    log_bytes,
    positions,
    primary_round_trips,
    primary_time,
    replica_round_trips,
    replica_time,
    replicas_time,
)
from bench.fleet.growth.metered import Usage
from bench.fleet.growth.paper import CORES, MAX_CONNECTIONS, NETWORK, PROCESSES, Paper, Row

_COUNTS = (
    "replicas", "processes", "primary: round trips per write", "per read",
    "replicas: round trips per read", "positions asked per write", "per read",
    "connections to the primary", "to each replica",
)  # fmt: skip
_TIMES = (
    "replicas", "processes", "application: ms per write", "per read", "primary: ms per write",
    "per read", "each replica: ms per write", "all replicas: ms per read", "bytes of log per write",
)  # fmt: skip


def counted(cells: Iterable[Cell]) -> str:
    """The table of what was counted."""
    return _table(
        _COUNTS,
        (
            [
                *(str(cell.replicas), str(cell.processes)),
                f"{cell.per_write(primary_round_trips):.2f}",
                f"{cell.per_read(primary_round_trips):.2f}",
                f"{cell.per_read(replica_round_trips):.2f}",
                f"{cell.per_write(positions):.2f}",
                f"{cell.per_read(positions):.2f}",
                _connections([cell.mixed.primary]),
                _connections(cell.mixed.replicas),
            ]
            for cell in cells
        ),
    )


def timed(cells: Iterable[Cell]) -> str:
    """The table of the processor's time, and of the log."""
    return _table(
        _TIMES,
        (
            [
                *(str(cell.replicas), str(cell.processes)),
                f"{cell.per_write(application_time):.2f}",
                f"{cell.per_read(application_time):.2f}",
                f"{cell.per_write(primary_time):.2f}",
                f"{cell.per_read(primary_time):.2f}",
                f"{cell.per_write(replica_time):.2f}",
                f"{cell.per_read(replicas_time):.2f}",
                f"{cell.per_write(log_bytes):,.0f}",
            ]
            for cell in cells
        ),
    )


def conditions(cells: Sequence[Cell], *, server: str) -> str:
    """When and where it was measured."""
    load = cells[0].mixed.load
    return (
        f"Measured on {dt.datetime.now(tz=dt.UTC):%Y-%m-%d}: for each line {load.all_writes} writes"
        f" alone, and as many with {load.reads} reads after each, by {load.clients} clients;"
        f" PostgreSQL {server}, Python {platform.python_version()}, {os.cpu_count()} cores of"
        f" {platform.machine()}."
    )


def computed(paper: Paper) -> str:
    """The tables of what follows on paper, and a sentence about what they leave out."""
    words = (
        f"Computed from the medians of the lines with {paper.replicas} replicas, or without any."
        f" With a pool of the default size, `max_connections = {MAX_CONNECTIONS}` is enough for"
        f" {paper.processes_with_default_pools} processes."
        f" Replicas take {paper.taken_off:.0%} of this load off the primary. The log of"
        f" {paper.writes_of_network:,.0f} writes a second, sent to {paper.replicas} replicas, is"
        f" {NETWORK * 8 / 1e9:.0f} Gbit/s."
    )
    processes = _figures("Processes", PROCESSES, paper.of_processes())
    cores = _figures("Cores of the primary", CORES, paper.of_cores())
    return f"{processes}\n\n{cores}\n\n{words}"


def _figures(what: str, numbers: Sequence[int], rows: Iterable[Row]) -> str:
    heads = (what, "computed as", *(f"{number:,}" for number in numbers))
    lines = (
        [name, formula, *(_shown(value(number)) for number in numbers)]
        for name, formula, value in rows
    )
    return _table(heads, lines, words=2)


def _shown(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"  # noqa: PLR2004


def _connections(servers: Sequence[Usage]) -> str:
    if not servers:
        return "-"
    steady, most = max(each.steady for each in servers), max(each.most for each in servers)
    return str(most) if steady == most else f"{steady}, {most} at most"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 0) -> str:
    """A table in Markdown, whose first columns are words and the others numbers."""
    lines = [heads, ["---"] * words + ["---:"] * (len(heads) - words), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
