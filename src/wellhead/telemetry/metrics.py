"""Database figures for Prometheus.

A scrape reads counters that exist anyway: it sends no query and waits for no lock. Needs the extra
``metrics``; importing ``wellhead`` does not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, get_args

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from wellhead.database import Database
from wellhead.health import HealthReport, State
from wellhead.pool import PoolStats, Timing
from wellhead.pool.stats import BOUNDS
from wellhead.replicas import ReplicaStats
from wellhead.sessions import RunStats

EVERY = 2
"""Every so many of a timing's bounds one is exported, so that each is twice the one before."""


class DatabaseCollector(Collector):
    """Exports the figures of one or several databases to a prometheus-client registry.

    Most count from the moment a database was opened, and all are per process; ``/metrics`` of
    :func:`wellhead.fastapi.install` adds them up over all workers. Scrape in the thread of the
    event loop, where the figures change.

    Args:
        databases: The databases, by the value of the label ``database``; a single one is
            ``default``. They may be closed.
    """

    def __init__(self, databases: Database[Any] | Mapping[str, Database[Any]]) -> None:
        if isinstance(databases, Database):
            databases = {"default": databases}
        self._databases = dict(databases)

    def collect(self) -> Iterator[Metric]:
        """The current values of the metrics."""
        seen = {name: _Seen.of(database) for name, database in self._databases.items()}
        for figure in FIGURES:
            yield figure.metric(seen)


@dataclass(frozen=True, slots=True)
class _Seen:
    """One database at one moment."""

    database: Database
    pool: PoolStats
    runs: RunStats
    health: HealthReport
    replicas: tuple[ReplicaStats, ...]

    @classmethod
    def of(cls, database: Database) -> "_Seen":
        return cls(
            database,
            database.stats(),
            database.run_stats(),
            database.last_known(),
            database.replica_stats(),
        )

    @property
    def mode(self) -> Mapping[str, float]:
        return {self.pool.mode: 1.0}

    @property
    def limit(self) -> float | None:
        pool = self.pool
        return None if pool.max_overflow is None else pool.pool_size + pool.max_overflow

    @property
    def budget(self) -> float | None:
        budget = self.database.budget()
        return None if budget is None else budget.available

    @property
    def connections(self) -> Mapping[str, float]:
        states = ("active", "idle", "opening", "closing")
        return {state: getattr(self.pool, state) for state in states}

    @property
    def replicas_up(self) -> Mapping[str, float]:
        return {each.name: each.is_up for each in self.replicas}

    @property
    def replica_lags(self) -> Mapping[str, float]:
        return {each.name: each.lag for each in self.replicas if each.lag is not None}

    @property
    def replica_reads(self) -> Mapping[str, float]:
        return {each.name: each.reads for each in self.replicas}

    @property
    def replicas_left_out(self) -> Mapping[str, float]:
        return {each.name: each.left_out for each in self.replicas}

    @property
    def replica_connections(self) -> Mapping[str, float]:
        return {each.name: each.connections for each in self.replicas}

    @property
    def states(self) -> Mapping[str, float]:
        return {state: state == self.health.state for state in get_args(State)}


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric.

    Attributes:
        kind: Its Prometheus type.
        name: Its name, without the ``_total`` suffix of a counter.
        meaning: One sentence.
        path: Where its value is in the view of a database; None if it has none. With a label: a
            mapping from the label's values.
        label: A label in addition to ``database``.
    """

    kind: "type[_Family]"
    name: str
    meaning: str
    path: str
    label: str | None = None

    def metric(self, seen: Mapping[str, _Seen]) -> Metric:
        """Its values for these databases."""
        labels = ["database"] if self.label is None else ["database", self.label]
        family = self.kind(f"wellhead_{self.name}", self.meaning, labels=labels)
        read = attrgetter(self.path)
        for name, each in seen.items():
            value: _Value = read(each)
            if isinstance(value, Mapping):
                for label, one in value.items():
                    _add(family, [name, str(label)], one)
            elif value is not None:
                _add(family, [name], value)
        return family


_Family = GaugeMetricFamily | CounterMetricFamily | HistogramMetricFamily | SummaryMetricFamily
_Value = float | Timing | Mapping[str, float] | Mapping[str, Timing] | None


def _add(family: "_Family", labels: list[str], value: float | Timing) -> None:
    if isinstance(family, HistogramMetricFamily) and isinstance(value, Timing):
        family.add_metric(labels, _cumulated(value), value.total)
    elif isinstance(family, SummaryMetricFamily) and isinstance(value, Timing):
        family.add_metric(labels, value.count, value.total)
    elif isinstance(family, GaugeMetricFamily | CounterMetricFamily):
        assert not isinstance(value, Timing)  # noqa: S101 - the table below says so
        family.add_metric(labels, float(value))


def _cumulated(timing: Timing) -> list[tuple[str, float]]:
    """Cumulative buckets, as Prometheus counts them."""
    buckets, so_far = [], 0
    found = timing.buckets or (0,) * (len(BOUNDS) + 1)
    for position, (bound, count) in enumerate(zip(BOUNDS, found, strict=False)):
        so_far += count
        if position % EVERY == 0:
            buckets.append((f"{bound:.6g}", float(so_far)))
    return [*buckets, ("+Inf", float(timing.count))]


_GAUGE, _COUNTER = GaugeMetricFamily, CounterMetricFamily
_HISTOGRAM, _SUMMARY = HistogramMetricFamily, SummaryMetricFamily

FIGURES = (
    Figure(_GAUGE, "pool_info", "Always 1.", "mode", "mode"),
    Figure(_GAUGE, "pool_size", "Connections kept open.", "pool.pool_size"),
    Figure(_GAUGE, "pool_limit", "Maximum number of connections.", "limit"),
    Figure(_GAUGE, "pool_budget", "Connections for all processes.", "budget"),
    Figure(_GAUGE, "pool_connections", "Connections by state.", "connections", "state"),
    Figure(_GAUGE, "pool_waiting", "Callers waiting for a connection.", "pool.waiting"),
    Figure(_GAUGE, "pool_max_waiting", "Maximum number of waiting callers.", "pool.max_waiting"),
    Figure(_COUNTER, "pool_acquired", "Connections handed out.", "pool.acquired"),
    Figure(_COUNTER, "pool_timeouts", "Callers that timed out.", "pool.timeouts"),
    Figure(_COUNTER, "pool_saturated", "Callers refused by a full queue.", "pool.saturated"),
    Figure(_COUNTER, "pool_opened", "Connections opened.", "pool.opened"),
    Figure(_COUNTER, "pool_failed_connects", "Failed attempts.", "pool.failed_connects"),
    Figure(_COUNTER, "pool_closed", "Connections closed.", "pool.closed", "reason"),
    Figure(_HISTOGRAM, "pool_wait_seconds", "Time callers waited.", "pool.wait"),
    Figure(_HISTOGRAM, "pool_hold_seconds", "Time connections were held.", "pool.hold"),
    Figure(_HISTOGRAM, "pool_connect_seconds", "Time to connect.", "pool.connect"),
    Figure(_SUMMARY, "route_hold_seconds", "Time routes held them.", "pool.routes", "route"),
    Figure(_COUNTER, "units_of_work", "Units of work started.", "runs.units"),
    Figure(_COUNTER, "units_of_work_retried", "Units of work run again.", "runs.retried", "fault"),
    Figure(_COUNTER, "reads_repeated", "Reads sent again.", "runs.reads_repeated", "fault"),
    Figure(_COUNTER, "commits_unknown", "COMMITs sent without a reply.", "runs.unknown"),
    Figure(_COUNTER, "reads_fallen_back", "Reads that the primary served.", "runs.fallbacks"),
    Figure(_GAUGE, "replica_up", "1 while it gets reads.", "replicas_up", "replica"),
    Figure(_GAUGE, "replica_lag_seconds", "Age of its state.", "replica_lags", "replica"),
    Figure(_GAUGE, "replica_connections", "Connections.", "replica_connections", "replica"),
    Figure(_COUNTER, "replica_reads", "Statements sent to it.", "replica_reads", "replica"),
    Figure(_COUNTER, "replica_left_out", "Times left out.", "replicas_left_out", "replica"),
    Figure(_GAUGE, "database_healthy", "1 while requests can be served.", "health.is_healthy"),
    Figure(_GAUGE, "database_state", "1 for the last observed state.", "states", "state"),
    Figure(_GAUGE, "database_age_seconds", "Seconds since the observation.", "health.age"),
    Figure(_GAUGE, "started", "1 once the process has been ready.", "database.is_started"),
    Figure(_GAUGE, "draining", "1 while the process is draining.", "database.is_draining"),
)
"""Every metric, in output order."""

OF_WORKERS: Mapping[str, Callable[[Iterable[float]], float]] = {
    "wellhead_pool_info": max,
    "wellhead_pool_budget": max,
    "wellhead_replica_up": min,
    "wellhead_replica_lag_seconds": max,
    "wellhead_database_healthy": min,
    "wellhead_database_state": max,
    "wellhead_database_age_seconds": min,
    "wellhead_started": min,
    "wellhead_draining": max,
}
"""How the values of several workers become one; those of all other metrics are added up."""
