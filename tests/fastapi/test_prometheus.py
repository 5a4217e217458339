"""The route for Prometheus."""

import re
import sys

import httpx2
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Gauge

from wellhead import ConfigurationError, Database, DatabaseSettings
from wellhead.fastapi import install
from wellhead.telemetry.metrics import FIGURES


@pytest.fixture
def unopened(database_url: str) -> Database:
    return Database(DatabaseSettings(url=database_url))


def client_of(app: FastAPI) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test")


async def test_it_speaks_both_of_prometheus_languages(unopened: Database) -> None:
    app = FastAPI()
    install(app, unopened, metrics=True)
    async with client_of(app) as client:
        plain = await client.get("/metrics")
        open_one = await client.get(
            "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
        )

    assert plain.headers["content-type"].startswith("text/plain; version=")
    assert open_one.headers["content-type"].startswith("application/openmetrics-text; version=")
    assert open_one.text.endswith("# EOF\n")
    assert names_in(plain.text) == names_in(open_one.text)
    assert names_in(plain.text) == {f"wellhead_{figure.name}" for figure in FIGURES}


def names_in(text: str) -> set[str]:
    return {name.removesuffix("_total") for name in re.findall(r"# TYPE (\S+) ", text)}


async def test_the_metrics_of_a_given_registry_are_exported_with_it(unopened: Database) -> None:
    registry = CollectorRegistry()
    Gauge("shop_orders", "Orders.", registry=registry).set(3)
    app = FastAPI()
    install(app, unopened, metrics=registry)
    async with client_of(app) as client:
        text = (await client.get("/metrics")).text

    assert "shop_orders 3.0" in text
    assert names_in(text) == {"shop_orders", *(f"wellhead_{figure.name}" for figure in FIGURES)}


async def test_only_who_asks_for_it_has_it(unopened: Database) -> None:
    app = FastAPI()
    install(app, unopened)
    async with client_of(app) as client:
        assert (await client.get("/metrics")).status_code == 404


def test_it_is_no_part_of_the_document(unopened: Database) -> None:
    app = FastAPI()
    install(app, unopened, metrics=True)

    assert "/metrics" not in app.openapi()["paths"]


def test_a_missing_package_is_told_with_the_way_to_it(
    unopened: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "wellhead.fastapi.prometheus", raising=False)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    with pytest.raises(ConfigurationError, match=r'pip install "wellhead\[metrics\]"'):
        install(FastAPI(), unopened, metrics=True)
