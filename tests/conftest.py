"""What the library's tests share on top of the server: the way to it, through the proxy."""

import pytest

from tests.staging.given import Postgres
from tests.staging.proxy import TCPProxy


@pytest.fixture
def proxied_url(database_url: str, postgres: Postgres, proxy: TCPProxy) -> str:
    """The URL of this test's own database, reached through the proxy that counts and breaks."""
    return database_url.replace(f":{postgres.port}/", f":{proxy.port}/")


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
def either_url(request: pytest.FixtureRequest, proxied_url: str) -> str:
    """The same URL, for one driver and then for the other."""
    return proxied_url.replace("postgresql", str(request.param), 1)
