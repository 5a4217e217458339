"""What tests of the library share on top of the server: ways to it, standbys, one that sleeps."""

import re
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.staging.fleet import Fleet, fleet_of
from tests.staging.given import Postgres
from tests.staging.neon import StoppedPostgres, prepare
from tests.staging.neon.resolver.sitecustomize import stage
from tests.staging.pki import PKI
from tests.staging.streaming import Replication
from wellhead.testing.proxy import TCPProxy


@pytest.fixture
def proxied_url(database_url: str, postgres: Postgres, proxy: TCPProxy) -> str:
    """The URL of this test's own database, reached through the proxy that counts and breaks."""
    return database_url.replace(f":{postgres.port}/", f":{proxy.port}/")


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
def either_url(request: pytest.FixtureRequest, proxied_url: str) -> str:
    """The same URL, for one driver and then for the other."""
    return proxied_url.replace("postgresql", str(request.param), 1)


@pytest.fixture
def directory(public_directory: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A place for a server's data that does not exist yet, and is gone after the test."""
    directory = public_directory / re.sub(r"\W+", "-", request.node.name)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def stopped_postgres(public_directory: Path) -> StoppedPostgres:
    """A PostgreSQL of its own that a staged Neon may start and stop."""
    return prepare(public_directory / "compute")


@pytest.fixture(scope="session")
def kept_replication(public_directory: Path) -> Iterator[Replication]:
    """A primary and two standbys for the whole run; tests ask for `replication`."""
    with Replication(public_directory / "replication") as kept:
        yield kept


@pytest.fixture
async def replication(kept_replication: Replication) -> AsyncIterator[Replication]:
    """A primary and two standbys, which run and have caught up before and after each test."""
    yield kept_replication
    await kept_replication.restore()


@pytest.fixture(params=["postgresql", "postgresql+psycopg"], ids=["asyncpg", "psycopg"])
async def fleet(request: pytest.FixtureRequest, replication: Replication) -> AsyncIterator[Fleet]:
    """A primary and two replicas with the table ``notes``, for one driver and then the other."""
    async with fleet_of(replication, str(request.param)) as fleet:
        yield fleet


@pytest.fixture
def neon_names(monkeypatch: pytest.MonkeyPatch, pki: PKI) -> None:
    """Neon's host names lead to this machine, and the staged certificates are trusted."""
    monkeypatch.setattr(socket, "getaddrinfo", stage)
    monkeypatch.setenv("SSL_CERT_FILE", str(pki.ca_file))
