"""The figures of several workers, for Prometheus."""

import contextlib
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from wellhead.telemetry import workers as module
from wellhead.telemetry.metrics import FIGURES, OF_WORKERS
from wellhead.telemetry.summed import SummedCollector, added
from wellhead.telemetry.workers import FellowWorkers


class Shop(Collector):
    """Counts in one process.

    Attributes:
        orders: How many.
    """

    def __init__(self, orders: int) -> None:
        self.orders = orders

    def collect(self) -> Iterator[Metric]:
        orders = CounterMetricFamily("orders", "Orders.", labels=["kind"])
        orders.add_metric(["book"], self.orders)
        seconds = HistogramMetricFamily("seconds", "Seconds.")
        seconds.add_metric([], [("1", self.orders), ("+Inf", 2 * self.orders)], 0.5)
        open_now = GaugeMetricFamily("open_orders", "Open ones.", self.orders)
        age = GaugeMetricFamily("wellhead_database_age_seconds", "Age.", self.orders)
        yield from (orders, seconds, open_now, age)


class Worker:
    """A worker whose figures can be scraped."""

    def __init__(self, orders: int) -> None:
        self.workers = FellowWorkers("shop")
        self.shop = Shop(orders)
        self.summed = SummedCollector([self.shop], self.workers)
        self._registry = CollectorRegistry()
        self._registry.register(self.summed)

    async def scrape(self) -> dict[str, float]:
        await self.summed.ask()
        lines = generate_latest(self._registry).decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}


@pytest.fixture(autouse=True)
def _as_workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(module, "is_worker", lambda: True)
    with tempfile.TemporaryDirectory(prefix="w") as path:
        monkeypatch.setattr(tempfile, "tempdir", path)
        yield Path(path)


async def test_every_worker_tells_the_figures_of_all() -> None:
    first, second = Worker(3), Worker(4)
    async with first.workers, second.workers:
        found = [await first.scrape(), await second.scrape()]

    assert found[0] == found[1]
    assert found[0] == {
        'orders_total{kind="book"}': 7,
        'seconds_bucket{le="1"}': 7,
        'seconds_bucket{le="+Inf"}': 14,
        "seconds_count": 14,
        "seconds_sum": 1.0,
        "open_orders": 7,
        "wellhead_database_age_seconds": 3,
    }


async def test_counters_of_a_worker_that_ended_stay_and_its_gauges_go() -> None:
    first, second, third = Worker(3), Worker(4), Worker(0)
    async with first.workers:
        async with second.workers:
            before = await first.scrape()
            second.shop.orders = 5
        async with third.workers:
            found = [await first.scrape(), await third.scrape()]

    assert before['orders_total{kind="book"}'] == 7
    assert found[0] == found[1]
    assert found[0]['orders_total{kind="book"}'] == 8
    assert found[0]["seconds_count"] == 16
    assert found[0]["open_orders"] == 3


async def test_a_worker_that_was_killed_counts_as_it_was_scraped_last() -> None:
    first, second = Worker(3), Worker(4)
    async with first.workers, second.workers:
        before = await second.scrape()
        # It has no time to say more than that.
        second.shop.orders = 0
        path = Path(str(second.workers.directory)) / f"{second.workers.name}.sock"
        path.unlink()
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as killed:
            killed.bind(str(path))
        after = await first.scrape()

    assert before['orders_total{kind="book"}'] == after['orders_total{kind="book"}'] == 7


async def test_a_worker_that_is_busy_counts_as_it_was_scraped_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = Worker(3), Worker(4)
    async with first.workers, second.workers:
        before = await first.scrape()
        monkeypatch.setattr(module, "PATIENCE", 0.0)
        after = await first.scrape()

    assert before['orders_total{kind="book"}'] == after['orders_total{kind="book"}'] == 7


async def test_one_process_alone_tells_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_worker", lambda: False)
    alone = Worker(3)
    async with alone.workers:
        found = await alone.scrape()

    assert found['orders_total{kind="book"}'] == 3


def test_only_gauges_have_a_rule_of_their_own() -> None:
    gauges = {f"wellhead_{each.name}" for each in FIGURES if each.kind is GaugeMetricFamily}

    assert OF_WORKERS.keys() <= gauges


def test_a_series_that_only_one_worker_has_is_told() -> None:
    a = [["orders", "Orders.", "counter", [["orders_total", {"kind": "a"}, 1.0]]]]
    b = [["orders", "Orders.", "counter", [["orders_total", {"kind": "b"}, 2.0]]]]
    [[_, _, _, samples]] = added([a, b])

    assert samples == [["orders_total", {"kind": "a"}, 1.0], ["orders_total", {"kind": "b"}, 2.0]]
