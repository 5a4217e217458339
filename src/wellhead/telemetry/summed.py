"""The figures of all workers of a service, for Prometheus."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from wellhead.telemetry.left_behind import LeftBehind
from wellhead.telemetry.metrics import OF_WORKERS
from wellhead.telemetry.workers import FellowWorkers

TOPIC = "metrics"

Families = list[list[Any]]
"""Metrics as JSON: name, meaning, type, and samples of name, labels and value."""


class SummedCollector(Collector):
    """Exports what other collectors count in this process, added up over all workers.

    Counters, histograms and summaries include what workers counted that have ended.

    Args:
        collectors: Those that count.
        workers: The other workers.
    """

    def __init__(self, collectors: Sequence[Collector], workers: FellowWorkers) -> None:
        self._collectors = collectors
        self._workers = workers
        self._others: list[Families] = []
        workers.on(TOPIC, self.tell)
        workers.on_close(self.leave)

    async def ask(self) -> None:
        """Get the figures of the other workers, for the next :meth:`collect`."""
        if self._workers.directory is None:
            return
        found = await self._workers.ask(TOPIC)
        left = self._left_behind()
        if left is not None:
            left.write(self._workers.name, lasting(self._own()))
            ended = left.read(without={self._workers.name, *found.told})
            self._others = [*found.told.values(), *ended]

    def collect(self) -> Iterator[Metric]:
        """The values of all workers; those of the others only once after they were asked."""
        others, self._others = self._others, []
        own = (metric for each in self._collectors for metric in each.collect())
        if not others:
            yield from own
            return
        for name, meaning, kind, samples in added([_as_json(own), *others]):
            metric = Metric(name, meaning, kind)
            for sample, labels, value in samples:
                metric.add_sample(sample, labels, value)
            yield metric

    def tell(self) -> Families:
        """The values of this worker, which are also kept for when it has ended."""
        told = self._own()
        left = self._left_behind()
        if left is not None:
            left.write(self._workers.name, lasting(told))
        return told

    def leave(self) -> None:
        """Keep the values for when this worker has ended."""
        self.tell()

    def _own(self) -> Families:
        return _as_json(metric for each in self._collectors for metric in each.collect())

    def _left_behind(self) -> LeftBehind | None:
        directory = self._workers.directory
        return None if directory is None else LeftBehind(directory, added)


def _as_json(metrics: Iterable[Metric]) -> Families:
    return [
        [each.name, each.documentation, each.type, [[*sample[:3]] for sample in each.samples]]
        for each in metrics
    ]


def lasting(families: Families) -> Families:
    """The metrics that remain true when their worker has ended: those that are no gauges."""
    return [each for each in families if each[2] != "gauge"]


def added(told: Sequence[Families]) -> Families:
    """The metrics of several workers as those of one."""
    metrics: dict[str, list[Any]] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], list[float]]] = {}
    for families in told:
        for name, meaning, kind, samples in families:
            metrics.setdefault(name, [name, meaning, kind])
            found = values.setdefault(name, {})
            for sample, labels, value in samples:
                found.setdefault((sample, tuple(labels.items())), []).append(value)
    return [
        [
            *metric,
            [
                [sample, dict(labels), OF_WORKERS.get(name, sum)(each)]
                for (sample, labels), each in values[name].items()
            ],
        ]
        for name, metric in metrics.items()
    ]
