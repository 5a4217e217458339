"""What OpenTelemetry gets, with the application's own SDK: its names, its parents, and no texts."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy import bindparam, literal, select, text
from sqlalchemy.exc import DBAPIError

import wellhead
from wellhead import ConfigurationError, Database, DatabaseSettings, PoolTimeout, compiled
from wellhead.fastapi import ReaderDep, SessionDep, install
from wellhead.telemetry.opentelemetry import instrument
from wellhead.testing.proxy import TCPProxy

LIBRARY = str(Path(wellhead.__file__).parent)
SECRET = "a-value-that-is-not-to-be-seen"

READ = compiled(select(literal(1).label("one")).where(literal(1) == bindparam("one")))


@dataclass
class Telemetry:
    """An SDK that keeps everything in memory."""

    spans: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)

    def __post_init__(self) -> None:
        self.meters = MeterProvider([self.reader])
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))

    def instrument(self, databases: Database | Mapping[str, Database], **options: bool) -> None:
        """Instrument databases with it."""
        instrument(databases, meter_provider=self.meters, tracer_provider=self.tracers, **options)

    def series(self, metric: str) -> dict[tuple[str, ...], float]:
        """The values of a metric now, or the counts of a histogram, by its attributes' values."""
        data = self.reader.get_metrics_data()
        return {
            tuple(sorted(map(str, dict(point.attributes or {}).values()))): (
                point.count if isinstance(point, HistogramDataPoint) else point.value  # type: ignore[union-attr]
            )
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for each in scope.metrics
            if each.name == metric
            for point in each.data.data_points
        }

    def finished(self) -> list[ReadableSpan]:
        """The spans of the library."""
        return [
            each
            for each in self.spans.get_finished_spans()
            if each.instrumentation_scope is not None
            and each.instrumentation_scope.name == "wellhead"
        ]

    def words(self) -> list[str]:
        """The first words of their names."""
        return [each.name.partition(" ")[0] for each in self.finished()]


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def database(either_url: str) -> Database:
    settings: Mapping[str, Any] = {
        "connect_timeout": 1, "pool_timeout": 1.1, "pool_size": 1, "max_overflow": 1,
    }  # fmt: skip
    return Database(DatabaseSettings(url=either_url, **settings))


async def test_the_figures_of_the_pool_have_the_names_of_the_conventions(
    database: Database, telemetry: Telemetry
) -> None:
    telemetry.instrument(database)
    async with database, database.session() as one, database.session() as two:
        await one.connection()
        await two.connection()
        with pytest.raises(PoolTimeout):
            async with database.session() as three:
                await three.connection()
        # As the exporter of an SDK reads them.
        found = {
            metric: await asyncio.to_thread(telemetry.series, f"db.client.connection.{metric}")
            for metric in ("count", "max", "idle.max", "idle.min", "pending_requests", "timeouts")
        }

    assert found == {
        "count": {("default", "idle"): 0, ("default", "used"): 2},
        "max": {("default",): 2},
        "idle.max": {("default",): 1},
        "idle.min": {("default",): 0},
        "pending_requests": {("default",): 0},
        "timeouts": {("default",): 1},
    }


async def test_to_export_them_sends_no_query(
    database: Database, telemetry: Telemetry, proxy: TCPProxy
) -> None:
    telemetry.instrument(database)
    closed = telemetry.series("db.client.connection.count")
    async with database:
        proxy.reset()
        opened = telemetry.series("db.client.connection.count")
        sent = proxy.round_trips

    assert (closed, opened, sent) == ({}, {("default", "idle"): 1, ("default", "used"): 0}, 0)


async def test_several_databases_are_several_pools(
    database: Database, telemetry: Telemetry
) -> None:
    other = Database(database.settings)
    telemetry.instrument({"main": database, "other": other})
    async with database, other:
        found = telemetry.series("db.client.connection.max")

    assert found == {("main",): 2, ("other",): 2}


async def test_the_spans_of_a_route_have_that_of_its_request_as_their_parent(
    database: Database, telemetry: Telemetry
) -> None:
    telemetry.instrument(database)
    app = FastAPI()
    install(app, database)
    requests = telemetry.tracers.get_tracer("the application's")

    @app.get("/items")
    async def items(reader: ReaderDep, session: SessionDep) -> None:
        await reader.scalar(select(literal(1)))
        await READ.one(database, one=1)
        await session.execute(text("SELECT 2"))

    transport = httpx2.ASGITransport(app)
    async with database, httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        telemetry.spans.clear()
        with requests.start_as_current_span("GET /items") as parent:
            response = await client.get("/items")

    assert response.status_code == 200
    spans = telemetry.finished()
    assert sorted(telemetry.words()) == ["COMMIT", *["SELECT"] * 3, *["acquire"] * 3]
    assert {each.parent and each.parent.span_id for each in spans} == {
        parent.get_span_context().span_id
    }
    assert all(each.end_time >= each.start_time for each in spans if each.start_time)  # type: ignore[operator]


async def test_a_statement_is_named_by_its_operation_and_its_database(
    database: Database, telemetry: Telemetry
) -> None:
    telemetry.instrument(database)
    url: Any = database.settings.url
    async with database:
        telemetry.spans.clear()
        async with database.session() as session:
            await session.execute(text(f"SELECT '{SECRET}', :value"), {"value": SECRET})
    [statement] = [each for each in telemetry.finished() if each.name.startswith("SELECT")]
    attributes = dict(statement.attributes or {})

    digest = attributes.pop("wellhead.statement.digest")
    assert isinstance(digest, str)
    assert statement.name == f"SELECT {url.database}"
    assert statement.kind is SpanKind.CLIENT
    assert attributes == {
        "db.system.name": "postgresql",
        "db.namespace": url.database,
        "db.operation.name": "SELECT",
        "server.address": "127.0.0.1",
        "server.port": url.hosts[0].port,
    }


async def test_a_failure_is_told_by_its_code_and_never_by_its_text(
    database: Database, telemetry: Telemetry
) -> None:
    telemetry.instrument(database, durations=True)
    async with database:
        with pytest.raises(DBAPIError):
            async with database.session() as session:
                await session.execute(text(f"SELECT '{SECRET}'::int"))
        series = telemetry.series("db.client.operation.duration")
    [failed] = [each for each in telemetry.finished() if not each.status.is_ok]

    assert failed.status.status_code is StatusCode.ERROR
    assert (failed.attributes or {})["db.response.status_code"] == "22P02"
    assert (failed.attributes or {})["error.type"] == "22P02"
    assert [count for values, count in series.items() if "22P02" in values] == [1]
    assert SECRET not in "".join(each.to_json() for each in telemetry.finished())
    assert SECRET not in str(telemetry.reader.get_metrics_data())


async def test_a_caller_that_gets_no_connection_is_a_failed_span(
    database: Database, telemetry: Telemetry
) -> None:
    telemetry.instrument(database)
    async with database, database.session() as one, database.session() as two:
        await one.connection()
        await two.connection()
        telemetry.spans.clear()
        with pytest.raises(PoolTimeout):
            async with database.session() as three:
                await three.connection()
    [failed] = [each for each in telemetry.finished() if not each.status.is_ok]

    assert failed.name.startswith("acquire ")
    assert (failed.attributes or {})["error.type"] == "PoolTimeout"
    assert failed.end_time is not None
    assert failed.start_time is not None
    assert failed.end_time - failed.start_time >= 1e9


async def test_durations_are_recorded_where_they_are_asked_for(
    database: Database, telemetry: Telemetry
) -> None:
    telemetry.instrument(database, spans=False, durations=True)
    async with database:
        before = sum(telemetry.series("db.client.connection.use_time").values())
        for each in range(5):
            async with database.session() as session:
                await session.execute(text(f"/* {each} */ SELECT {each}"))
        durations = telemetry.series("db.client.operation.duration")
        uses = telemetry.series("db.client.connection.use_time")
        waits = telemetry.series("db.client.connection.wait_time")
        opened = telemetry.series("db.client.connection.create_time")

    assert {
        operation: count
        for values, count in durations.items()
        for operation in values
        if operation in ("OTHER", "COMMIT")
    } == {"OTHER": 5, "COMMIT": 5}
    assert uses == {("default",): before + 5}
    assert waits[("default",)] >= 5
    assert opened == {("default",): 1}
    assert telemetry.finished() == []


async def test_without_them_no_statement_is_observed(
    database: Database, telemetry: Telemetry
) -> None:
    telemetry.instrument(database, spans=False)

    assert database.hooks.observers == ()


async def test_an_open_database_is_refused(database: Database, telemetry: Telemetry) -> None:
    async with database:
        with pytest.raises(ConfigurationError, match="is open already, and is not observed"):
            telemetry.instrument(database)


async def own_calls(database: Database) -> int:
    """The library's functions that a read calls; the fewest of some, as the pool has timers."""
    calls = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        del argument
        calls += event == "call" and frame.f_code.co_filename.startswith(LIBRARY)

    async def read() -> None:
        async with database.reader() as reader:
            await reader.scalar(select(literal(1)))

    async with database:
        for _ in range(10):
            await read()
        counts = []
        for _ in range(10):
            calls = 0
            sys.setprofile(note)
            try:
                await read()
            finally:
                sys.setprofile(None)
            counts.append(calls)
    return min(counts)


async def test_what_is_off_costs_a_reader_not_one_call(
    database: Database, telemetry: Telemetry
) -> None:
    off = Database(database.settings)
    spanned = Database(database.settings)
    telemetry.instrument(database, spans=False)
    telemetry.instrument(spanned)
    usual = await own_calls(off)

    assert await own_calls(database) == usual
    assert await own_calls(spanned) > usual
