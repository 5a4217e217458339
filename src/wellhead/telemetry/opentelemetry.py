"""Figures and spans of databases for OpenTelemetry, by its semantic conventions.

https://opentelemetry.io/docs/specs/semconv/db/. Needs the extra ``otel``, and the application's own
set-up of an SDK: without one, OpenTelemetry drops everything.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
from opentelemetry.trace import TracerProvider

from wellhead.database import Database
from wellhead.pool import AsyncPool
from wellhead.telemetry.durations import Durations, Instruments
from wellhead.telemetry.spans import Spans

_POOL_NAME = "db.client.connection.pool.name"
_STATE = "db.client.connection.state"

Seen = Iterator[tuple[float, Mapping[str, str]]]


def instrument(
    databases: Database[Any] | Mapping[str, Database[Any]],
    *,
    meter_provider: MeterProvider | None = None,
    tracer_provider: TracerProvider | None = None,
    spans: bool = True,
    durations: bool = False,
) -> None:
    """Report one or several databases to OpenTelemetry, from the next time they are opened.

    The figures of the pool are read when they are exported, and cost a request nothing. Spans and
    durations cost each statement what docs/how-to/trace.md says.

    Args:
        databases: The databases, by the name of their pool; a single one is ``default``.
        meter_provider: Of the application; None for the global one.
        tracer_provider: Of the application; None for the global one.
        spans: Whether each acquired connection, statement and COMMIT is a span.
        durations: Whether the durations of statements, waits and uses are recorded as histograms.

    Raises:
        ConfigurationError: A database is open already.
    """
    if isinstance(databases, Database):
        databases = {"default": databases}
    meter = metrics.get_meter("wellhead", meter_provider=meter_provider)
    tracer = trace.get_tracer("wellhead", tracer_provider=tracer_provider)
    recorded = Instruments.of(meter) if durations else None
    for name, database in databases.items():
        if spans:
            database.observe(Spans(tracer, name, database.settings))
        if recorded is not None:
            database.observe(Durations(recorded, name, database.settings))
    kept = dict(databases)
    for metric, unit, meaning, read in GAUGES:
        meter.create_observable_up_down_counter(
            metric, [_Callback(kept, read)], unit=unit, description=meaning
        )
    meter.create_observable_counter(
        "db.client.connection.timeouts",
        [_Callback(kept, _timeouts)],
        unit="{timeout}",
        description="Callers that timed out waiting for a connection.",
    )


def _count(pool: AsyncPool) -> Seen:
    yield pool.checkedin(), {_STATE: "idle"}
    yield pool.checkedout(), {_STATE: "used"}


def _idle_max(pool: AsyncPool) -> Seen:
    if pool.policy.pool_size:
        yield pool.policy.pool_size, {}


def _idle_min(pool: AsyncPool) -> Seen:
    yield pool.policy.min_idle, {}


def _max(pool: AsyncPool) -> Seen:
    policy = pool.policy
    if policy.pool_size and policy.max_overflow >= 0:
        yield policy.pool_size + policy.max_overflow, {}


def _pending(pool: AsyncPool) -> Seen:
    yield pool.core.waiting, {}


def _timeouts(pool: AsyncPool) -> Seen:
    yield pool.core.tally.timeouts, {}


Read = Callable[[AsyncPool], Seen]

GAUGES: tuple[tuple[str, str, str, Read], ...] = (
    ("db.client.connection.count", "{connection}", "Connections by state.", _count),
    ("db.client.connection.idle.max", "{connection}", "Connections kept open.", _idle_max),
    ("db.client.connection.idle.min", "{connection}", "Idle connections kept open.", _idle_min),
    ("db.client.connection.max", "{connection}", "Maximum number of connections.", _max),
    (
        "db.client.connection.pending_requests",
        "{request}",
        "Callers waiting for a connection.",
        _pending,
    ),
)
"""The figures that are read when they are exported: name, unit, meaning, and how."""


class _Callback:
    """Reads one figure of the pools of open databases.

    It runs in a thread of the exporter's, and reads numbers only: to take a snapshot there, next to
    the event loop that changes it, would not be safe.
    """

    def __init__(self, databases: Mapping[str, Database[Any]], read: Read) -> None:
        self._databases = databases
        self._read = read

    def __call__(self, options: CallbackOptions) -> Iterable[Observation]:
        del options
        for name, database in self._databases.items():
            pool = database.engine.sync_engine.pool if database.is_open else None
            # Without one there is nothing to report.
            if isinstance(pool, AsyncPool):
                for value, attributes in self._read(pool):
                    yield Observation(value, {_POOL_NAME: name, **attributes})
