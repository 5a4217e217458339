"""What the tests of the routes about the database share."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.staging.doors import SETTINGS, application, served
from wellhead import Database, DatabaseSettings


@pytest.fixture
def database(proxied_url: str) -> Database:
    return Database(DatabaseSettings(url=proxied_url, **SETTINGS))


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(database) as client:
        yield client


@pytest.fixture
def closed_client(database: Database) -> httpx2.AsyncClient:
    """A client of an application whose database is never opened."""
    transport = httpx2.ASGITransport(application(database))
    return httpx2.AsyncClient(transport=transport, base_url="http://test")


@pytest.fixture
def _stale_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wellhead.health.health.FRESH_FOR", 0.0)
    monkeypatch.setattr("wellhead.health.health.FAILED_FOR", 0.0)
