"""What a collector gets by OTLP, from the SDK and its exporter set up as its documentation says."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.staging.collector import Collector, attributes_of, collecting
from wellhead import Database, DatabaseSettings
from wellhead.telemetry.opentelemetry import instrument

SECRET = "a-value-that-is-not-to-be-seen"
OK, FAILED = int(Status.STATUS_CODE_UNSET), int(Status.STATUS_CODE_ERROR)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    # The exporters heed a proxy of the environment.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with collecting() as collector:
        yield collector


async def work(collector: Collector, url: str) -> None:
    """A transaction that succeeds and one that fails, and all that is said of them."""
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{collector.url}/v1/traces")))
    exporter = OTLPMetricExporter(f"{collector.url}/v1/metrics")
    meters = MeterProvider([PeriodicExportingMetricReader(exporter)])
    database = Database(DatabaseSettings(url=url, pool_size=3, max_overflow=2))
    instrument(database, meter_provider=meters, tracer_provider=tracers, durations=True)
    async with database:
        async with database.session() as session:
            await session.execute(text(f"SELECT '{SECRET}', :value"), {"value": SECRET})
        with pytest.raises(DBAPIError):
            async with database.session() as session:
                await session.execute(text(f"SELECT '{SECRET}'::int"))
        # The exporters wait for the collector.
        await asyncio.to_thread(meters.force_flush)
    await asyncio.to_thread(tracers.shutdown)
    await asyncio.to_thread(meters.shutdown)


def points_of(metric: Metric) -> list[Any]:
    return list(getattr(metric, metric.WhichOneof("data") or "").data_points)


async def test_spans_arrive_with_their_names_and_attributes(
    collector: Collector, either_url: str
) -> None:
    await work(collector, either_url)
    url: Any = DatabaseSettings(url=either_url).url
    of_database = {
        "db.system.name": "postgresql",
        "db.namespace": url.database,
        "server.address": "127.0.0.1",
        "server.port": url.hosts[0].port,
    }
    said = {
        (span.name, int(span.status.code)): attributes_of(span.attributes)
        for span in collector.spans
    }
    selects = [said[f"SELECT {url.database}", code] for code in (OK, FAILED)]
    digests = [str(each.pop("wellhead.statement.digest")) for each in selects]

    assert selects == [
        {**of_database, "db.operation.name": "SELECT"},
        {
            **of_database,
            "db.operation.name": "SELECT",
            "db.response.status_code": "22P02",
            "error.type": "22P02",
        },
    ]
    assert all(re.fullmatch("[0-9a-f]{12}", each) for each in digests)
    assert said[f"COMMIT {url.database}", OK] == {**of_database, "db.operation.name": "COMMIT"}
    assert said[f"acquire {url.database}", OK] == {
        **of_database,
        "db.client.connection.pool.name": "default",
    }
    assert {span.kind for span in collector.spans} == {
        Span.SPAN_KIND_CLIENT,
        Span.SPAN_KIND_INTERNAL,
    }
    assert SECRET.encode() not in b"".join(collector.raw)


async def test_metrics_arrive_with_their_units_and_attributes(
    collector: Collector, either_url: str
) -> None:
    await work(collector, either_url)
    metrics, pool = collector.metrics, {"db.client.connection.pool.name": "default"}
    found = {
        name: (metric.unit, [attributes_of(point.attributes) for point in points_of(metric)])
        for name, metric in metrics.items()
    }
    operations = found.pop("db.client.operation.duration")

    assert found == {
        "db.client.connection.count": (
            "{connection}",
            [{**pool, "db.client.connection.state": state} for state in ("idle", "used")],
        ),
        "db.client.connection.max": ("{connection}", [pool]),
        "db.client.connection.idle.max": ("{connection}", [pool]),
        "db.client.connection.idle.min": ("{connection}", [pool]),
        "db.client.connection.pending_requests": ("{request}", [pool]),
        "db.client.connection.timeouts": ("{timeout}", [pool]),
        "db.client.connection.create_time": ("s", [pool]),
        "db.client.connection.wait_time": ("s", [pool]),
        "db.client.connection.use_time": ("s", [pool]),
    }
    assert operations[0] == "s"
    assert {each["db.operation.name"] for each in operations[1]} >= {"SELECT", "COMMIT"}
    [limit] = points_of(metrics["db.client.connection.max"])
    [opened] = points_of(metrics["db.client.connection.create_time"])
    assert (limit.as_int, opened.count) == (5, 1)
