"""Figures 4 to 6, each played once: overload, sleep and bad input, as rows of a table."""

import asyncio
import datetime as dt
import itertools
import os
import platform
import statistics
import time
from collections.abc import AsyncIterator, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench import overload
from bench.faults import sleep
from bench.faults.hostile import attack
from bench.faults.todo_service import TodoService, migrate
from tests.staging.neon import prepare
from tests.staging.pki import PKI
from wellhead.embedded import EmbeddedPostgres

_TURNS = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        name: What it is about.
        done: What was done.
        counted: What came of it, in numbers.
        broken: What was promised and did not hold; empty is good.
    """

    name: str
    done: str
    counted: Sequence[str]
    broken: Sequence[str]

    def __str__(self) -> str:
        result = "; ".join(self.broken) or "holds"
        return f"| {self.name} | {self.done} | {'; '.join(self.counted)} | {result} |"


async def play(directory: Path) -> AsyncIterator[Figure]:
    """Play one figure after the other; each needs the machine for itself.

    Args:
        directory: Where everything is to lie; every account must be able to enter it.
    """
    for name, figure in (("overload", _overload), ("sleep", _sleep), ("bad-input", _bad_input)):
        own = directory / name
        own.mkdir(mode=0o755)
        yield await figure(own)


def table(figures: Sequence[Figure], *, servers: str) -> str:
    """All figures, in Markdown, with when and where.

    Args:
        figures: In the order of the table.
        servers: Which servers took part.
    """
    heads = "| Figure | What was done | What was counted | Result |\n|---|---|---|---|"
    measured = (
        f"Measured on {dt.datetime.now(tz=dt.UTC):%Y-%m-%d}: {servers}, Python"
        f" {platform.python_version()}, {os.cpu_count()} cores of {platform.machine()}."
    )
    return "\n".join([heads, *map(str, figures), "", measured])


async def _overload(directory: Path) -> Figure:
    """Saturation and ten times the clients take turns."""
    saturated: list[overload.Load] = []
    crowded: list[overload.Load] = []
    with (
        EmbeddedPostgres(directory / "postgres", durable=False) as postgres,
        (directory / "service.log").open("wb") as log,
    ):
        watch = await asyncpg.connect(postgres.url)
        async with overload.service(postgres.url, log=log) as port:
            await overload.Client(port, patient=False).run(time.monotonic(), lambda *_: None)
            for _ in range(_TURNS):
                saturated.append(
                    await overload.put(port, 2 * overload.SIZE, patient=True, watch=watch)
                )
                crowded.append(await overload.put(port, overload.MANY, patient=True, watch=watch))
        await watch.close()
    served = list(itertools.chain.from_iterable(each.served for each in crowded))
    refused = list(itertools.chain.from_iterable(each.refused for each in crowded))
    other = sum(len(each.other) for each in crowded)
    late = sum(each > overload.ACQUIRE for each in (*served, *refused))
    connections = max(each.connections for each in crowded)
    ratio = statistics.median(a.rate / b.rate for a, b in zip(crowded, saturated, strict=True))
    return Figure(
        "4 Overload",
        f"{overload.MANY} clients for {overload.SIZE} connections and a queue of {overload.QUEUE},"
        f" {_TURNS} times {overload.SECONDS:.0f} s",
        (
            f"{len(served)} served, which is {ratio:.2f} of the rate at saturation",
            f"{len(refused)} got 503, half of them within {_median(refused) * 1000:.1f} ms",
            f"{late} waited longer than the {overload.ACQUIRE:.0f} s for a connection",
            f"{other} other answers",
            f"{connections} connections at most",
        ),
        _broken(
            (not served, "nobody was served"),
            (not refused, "nobody was refused"),
            (late > 0, f"{late} late"),
            (other > 0, f"{other} other answers"),
            (connections > overload.SIZE, f"{connections} connections"),
        ),
    )


async def _sleep(directory: Path) -> Figure:
    """Four services, by both drivers and both ways, on one compute that falls asleep."""
    (directory / "pki").mkdir()
    postgres = await asyncio.to_thread(prepare, directory / "compute", migrate)
    neon = sleep.stage_neon(postgres, PKI(directory / "pki"), directory, with_pooler=True)
    async with neon, sleep.Sleepers(neon, sleep.ways(neon, with_pooler=True), directory) as idle:
        quiet = await idle.be_quiet()
        first = [await idle.wake(name, 1) for name in idle.services]
        crowds = [await idle.wake(name, sleep.CROWD) for name in idle.services]
    unwell = sum(count for (_, status), count in quiet.answers.items() if status != 200)
    failed = sum(status >= 400 for each in (*first, *crowds) for status in each.statuses)
    starts = [each.starts for each in (*first, *crowds)]
    latest = max(each.seconds - each.start_seconds for each in first)
    return Figure(
        "5 Sleep",
        f"{len(idle.services)} services, {len(idle.probes)} probes each again and again, no"
        f" traffic; then a first request, and {sleep.CROWD} at once after the next sleep",
        (
            f"{quiet.asked} probes, {unwell} not answered 200",
            f"{quiet.sent} bytes and {quiet.opened} connections reached the sleeping database",
            f"starts for one request: {_listed(starts[: len(first)])}",
            f"its answer at most {latest:.2f} s after a start of {_slowest(first)}",
            f"starts for {sleep.CROWD}: {_listed(starts[len(first) :])}",
            f"{failed} requests failed",
        ),
        _broken(
            (quiet.after != quiet.before, "the database was not left alone"),
            (unwell > 0, f"{unwell} probes failed"),
            (set(starts) != {1}, "not started once"),
            (failed > 0, f"{failed} requests failed"),
        ),
    )


async def _bad_input(directory: Path) -> Figure:
    """The whole corpus against a service on a database of its own."""
    home = directory / "postgres"
    with EmbeddedPostgres(home, user="keeper", database="kept_secret", durable=False) as postgres:
        await asyncio.to_thread(migrate, postgres.url)
        async with TodoService(directory, postgres.url, environment=attack.SETTINGS) as service:
            found = await attack.attack(service, postgres.url, attack.corpus)
    kinds = ", ".join(f"{count} {harm}" for harm, count in found.sent.items())
    broken: dict[str, Sized] = {
        "answered with 5xx or not at all": found.failed,
        "accepted with a forged token or another user's id": found.accepted,
        "rows changed that should not be": found.changed,
        "leaks of SQL or host names": found.leaks,
    }
    return Figure(
        "6 Bad input",
        f"{found.sent.total()} hostile requests to {found.operations} operations: {kinds}",
        [f"{len(wrongs)} {words}" for words, wrongs in broken.items()],
        _broken(*((len(wrongs) > 0, f"{len(wrongs)} {words}") for words, wrongs in broken.items())),
    )


def _broken(*promises: tuple[bool, str]) -> list[str]:
    return [words for is_broken, words in promises if is_broken]


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else 0.0


def _slowest(wakings: Sequence[sleep.Waking]) -> str:
    return f"{max(each.start_seconds for each in wakings):.2f} s"


def _listed(counts: Sequence[int]) -> str:
    return ", ".join(map(str, counts))
