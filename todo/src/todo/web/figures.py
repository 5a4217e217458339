"""HTTP figures for Prometheus, by route and status."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""The upper bounds of the buckets in seconds."""


class HTTPCollector(Collector):
    """Counts the requests of this process, and exports the counts to a registry.

    prometheus-client's own counters take a lock and ten calls each; these are
    changed and read in the event loop only, like those of `DatabaseCollector`.

    Attributes:
        in_flight: How many requests are being served.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self._requests = Counter[tuple[str, str, int]]()
        self._buckets: dict[tuple[str, str], list[int]] = defaultdict(
            lambda: [0] * (len(BOUNDS) + 1)
        )
        self._seconds = defaultdict[tuple[str, str], float](float)

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; what clients choose freely must not get here."""
        self._requests[method, route, status] += 1
        self._buckets[method, route][bisect_left(BOUNDS, seconds)] += 1
        self._seconds[method, route] += seconds

    def collect(self) -> Iterator[Metric]:
        """The current values."""
        requests = CounterMetricFamily(
            "http_requests", "Requests served.", labels=["method", "route", "status"]
        )
        for (method, route, status), count in self._requests.items():
            requests.add_metric([method, route, str(status)], count)
        durations = HistogramMetricFamily(
            "http_request_duration_seconds",
            "Time until the end of the response.",
            labels=["method", "route"],
        )
        bounds = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
        for key, buckets in self._buckets.items():
            cumulated = list(zip(bounds, map(float, accumulate(buckets)), strict=True))
            durations.add_metric(key, cumulated, self._seconds[key])
        in_flight = GaugeMetricFamily("http_requests_in_flight", "Requests being served.")
        in_flight.add_metric([], self.in_flight)
        yield from (requests, durations, in_flight)
