"""What it costs a request to be counted and traced: one that reads a row with `ReaderDep`.

Run it with ``make bench-tracing``. It starts a PostgreSQL of its own. Variants take turns in one
process, and what counts is the median of the ratios of CPU time in each turn.
"""

import argparse
import asyncio
import datetime as dt
import gc
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from sqlmodel import Field, SQLModel

from bench.page import write
from tests.staging.in_process import ask
from wellhead import AsyncPool, Database, DatabaseSettings
from wellhead.embedded import EmbeddedPostgres
from wellhead.fastapi import ReaderDep, install
from wellhead.pool.stats import Tally
from wellhead.telemetry.opentelemetry import instrument

TURNS, REQUESTS = 150, 20


class Book(SQLModel, table=True):
    """A row."""

    id: int | None = Field(default=None, primary_key=True)
    title: str


class Uncounted(Tally):
    """A tally without the figures that a request adds to."""

    __slots__ = ()

    def held(self, seconds: float, route: str | None) -> None:
        """Count nothing."""


class Nowhere(SpanExporter):
    """Takes spans, and sends them nowhere."""

    def export(self, spans: object) -> SpanExportResult:
        """Take them."""
        del spans
        return SpanExportResult.SUCCESS


def tracing(
    database: Database, *, sampler: Sampler = ALWAYS_ON, spans: bool = True, durations: bool = False
) -> None:
    """Instrument a database with an SDK of its own."""
    tracers = TracerProvider(sampler=sampler)
    tracers.add_span_processor(SimpleSpanProcessor(Nowhere()))
    meters = MeterProvider([InMemoryMetricReader()])
    instrument(
        database,
        meter_provider=meters,
        tracer_provider=tracers,
        spans=spans,
        durations=durations,
    )


VARIANTS: dict[str, Callable[[Database], None]] = {
    "without the figures of the pool": lambda _: None,
    "as it is, with the figures of the pool": lambda _: None,
    "the figures in OpenTelemetry": lambda database: tracing(database, spans=False),
    "`durations=True`": lambda database: tracing(database, spans=False, durations=True),
    "spans of requests that the sampler leaves out": lambda database: tracing(
        database, sampler=ALWAYS_OFF
    ),
    "spans": tracing,
}
UNCOUNTED, BASE, *_ = VARIANTS


def application(database: Database) -> FastAPI:
    """The route."""
    app = FastAPI()
    install(app, database)

    @app.get("/book")
    async def read(reader: ReaderDep) -> Book | None:
        return await reader.get(Book, 1)

    return app


async def cpu(app: FastAPI) -> float:
    """Microseconds of CPU time for a request."""
    began = time.process_time()
    for _ in range(REQUESTS):
        await ask(app, "/book")
    return (time.process_time() - began) / REQUESTS * 1e6


async def measure(url: str) -> dict[str, list[float]]:
    """The times of each variant, in turns."""
    times: dict[str, list[float]] = {name: [] for name in VARIANTS}
    async with AsyncExitStack() as stack:
        apps: list[tuple[str, FastAPI]] = []
        for name, prepare in VARIANTS.items():
            database = Database(DatabaseSettings(url=url))
            prepare(database)
            await stack.enter_async_context(database)
            if not apps:
                async with database.engine.begin() as connection:
                    await connection.run_sync(SQLModel.metadata.create_all)
                async with database.session() as session:
                    session.add(Book(title="The Sea"))
            pool = database.engine.sync_engine.pool
            if name == UNCOUNTED and isinstance(pool, AsyncPool):
                pool.core.tally = Uncounted()
            apps.append((name, application(database)))
        for _, app in apps:
            await cpu(app)
        for turn in range(TURNS):
            gc.collect()
            # The first in a turn has colder caches.
            for name, app in apps[turn % len(apps) :] + apps[: turn % len(apps)]:
                times[name].append(await cpu(app))
    return times


def table(times: dict[str, list[float]]) -> str:
    """The table of the page."""
    lines = ["| | CPU time of a request, µs | ratio |", "|---|--:|--:|"]
    for name, found in times.items():
        ratio = statistics.median(own / base for own, base in zip(found, times[BASE], strict=True))
        lines.append(f"| {name} | {statistics.median(found):.0f} | {ratio:.2f} |")
    conditions = (
        f"Measured on {dt.datetime.now(dt.UTC):%Y-%m-%d}: Python {platform.python_version()}, "
        f"OpenTelemetry's SDK {version('opentelemetry-sdk')}; medians of {TURNS} turns of "
        f"{REQUESTS} requests, and of the ratios within each turn."
    )
    return "\n".join([*lines, "", conditions])


def main() -> None:
    """Measure, print, and put the table on its page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-tracing-") as name:
        directory = Path(name)
        # As root the server runs under another account.
        directory.chmod(0o755)
        with EmbeddedPostgres(directory / "postgres", durable=False) as server:
            text = table(asyncio.run(measure(server.url)))
    sys.stdout.write(f"{text}\n")
    if given.write is not None:
        write(text, given.write, name="tracing")


if __name__ == "__main__":
    main()
