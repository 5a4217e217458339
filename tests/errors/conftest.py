"""A database with a table for every constraint, behind a proxy, for each driver."""

from collections.abc import AsyncIterator, Callable, Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests.staging.databases import Databases
from wellhead import Database, DatabaseSettings
from wellhead.testing.proxy import TCPProxy

SCHEMA = """
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE thing (
    id int PRIMARY KEY,
    name varchar(5) NOT NULL DEFAULT '',
    size int CHECK (size > 0),
    parent_id int REFERENCES parent,
    during int4range,
    EXCLUDE USING gist (during WITH &&)
);
INSERT INTO parent VALUES (1);
INSERT INTO thing (id, during) VALUES (1, '[1,5)'), (2, NULL);
"""


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
def scheme(request: pytest.FixtureRequest) -> str:
    """The scheme of the URL, which chooses the driver."""
    return str(request.param)


@pytest.fixture(scope="package")
def template(databases: Databases) -> Iterator[str]:
    """The URL of a database that tests use and leave as it was."""
    url = databases.create()
    with psycopg.connect(url) as connection:
        connection.execute(SCHEMA)
    yield url
    databases.drop(url)


@pytest.fixture
def locate(scheme: str, template: str, proxy: TCPProxy) -> Callable[..., str]:
    """Writes a URL that leads through the proxy; each part can be replaced."""
    there = urlsplit(template)

    def url(
        *,
        user: str | None = there.username,
        password: str | None = there.password,
        host: str = proxy.host,
        port: int = proxy.port,
        database: str = there.path[1:],
        query: str = "",
    ) -> str:
        place = f"{user}:{password}@{host}:{port}"
        return urlunsplit((scheme, place, database, query, ""))

    return url


@pytest.fixture
async def database(locate: Callable[..., str]) -> AsyncIterator[Database]:
    """An open database whose locks and statements are not waited for."""
    settings = DatabaseSettings(
        url=locate(),
        pool_size=2,
        max_overflow=0,
        lock_timeout=0.1,
        slow_query_threshold=None,
    )
    async with Database(settings) as database:
        yield database
