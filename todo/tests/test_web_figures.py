"""HTTP figures: what Prometheus reads, and how many series a client can make."""

import asyncio
from contextlib import suppress

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from prometheus_client.parser import text_string_to_metric_families
from staged import StagedAccount

from todo.settings import Settings
from todo.web.figures import BOUNDS, HTTPCollector

Labels = dict[str, str]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"metrics": True})


async def scraped(client: AsyncClient) -> dict[str, list[tuple[Labels, float]]]:
    """Every sample of `http_*`, by name."""
    text = (await client.get("/metrics")).text
    found: dict[str, list[tuple[Labels, float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("http_"):
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


async def test_requests_are_counted_by_route_and_status(
    client: AsyncClient, account: StagedAccount
) -> None:
    for _ in range(3):
        await client.get(f"/api/{account.id}/tasks", headers=account.headers)
    await client.get(f"/api/{account.id}/tasks")

    counted = (await scraped(client))["http_requests_total"]
    labels = {"method": "GET", "route": "/api/{user_id}/tasks"}
    assert ({**labels, "status": "200"}, 3.0) in counted
    assert ({**labels, "status": "401"}, 1.0) in counted


async def test_the_histogram_is_one_to_prometheus(client: AsyncClient) -> None:
    for _ in range(3):
        await client.get("/health")

    found = await scraped(client)
    labels = {"method": "GET", "route": "/health"}
    buckets = [
        (each["le"], value)
        for each, value in found["http_request_duration_seconds_bucket"]
        if labels.items() <= each.items()
    ]
    assert [float(bound) for bound, _ in buckets] == [*BOUNDS, float("inf")]
    assert [value for _, value in buckets] == sorted(value for _, value in buckets)
    assert buckets[-1][1] == 3.0
    assert (labels, 3.0) in found["http_request_duration_seconds_count"]
    [total] = [
        value for each, value in found["http_request_duration_seconds_sum"] if each == labels
    ]
    assert total > 0


def test_a_duration_is_in_the_first_bucket_that_is_not_below_it() -> None:
    collector = HTTPCollector()
    for seconds in (0.001, 0.0011, 31.0):
        collector.add("GET", "/", 200, seconds)

    _, durations, _ = collector.collect()
    values = {each.labels.get("le"): each.value for each in durations.samples}
    assert (values["0.001"], values["0.0025"], values["30"], values["+Inf"]) == (1, 2, 2, 3)


async def test_what_clients_make_up_makes_no_series(client: AsyncClient) -> None:
    for number in range(20):
        await client.request(f"M{number}", f"/{number}")
        await client.get(f"/api/{number}/nothing")
        await client.get(f"/docs-assets/{number}")
        await client.request(f"M{number}", "/health")

    counted = (await scraped(client))["http_requests_total"]
    assert sorted((*labels.values(), value) for labels, value in counted) == [
        ("GET", "/docs-assets/{path}", "404", 20.0),
        ("GET", "none", "404", 20.0),
        ("OTHER", "none", "404", 20.0),
        ("OTHER", "none", "405", 20.0),
    ]


async def test_requests_in_flight_are_those_without_an_end(
    app: FastAPI, client: AsyncClient
) -> None:
    async def in_flight() -> float:
        [(_, value)] = (await scraped(client))["http_requests_in_flight"]
        return value

    has_begun = asyncio.Event()

    @app.get("/slow")
    async def slow() -> None:
        has_begun.set()
        await asyncio.Event().wait()

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError

    request = asyncio.create_task(client.get("/slow"))
    await has_begun.wait()
    # The scrape is one, too.
    assert await in_flight() == 2.0
    request.cancel()
    with suppress(asyncio.CancelledError):
        await request
    await client.get("/broken")
    assert await in_flight() == 1.0


class TestWithoutMetrics:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"metrics": False, "access_log": False})

    async def test_nothing_is_recorded(
        self, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            pytest.fail("something was recorded")

        for name in ("begin", "end"):
            monkeypatch.setattr(f"todo.web.traffic.Traffic.{name}", refuse)

        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/metrics")).status_code == 404
