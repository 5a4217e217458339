"""The poolers, for the tests that stand behind one.

They are Debian's, and `make poolers` fetches them. Without them these tests cannot run: they fail
where WELLHEAD_POOLERS=required says so, as CI does, and are left out with a word elsewhere.
"""

import os
from collections.abc import Iterator

import pytest

from tests.staging.pgbouncer import Kind, PgBouncer, missing
from wellhead.embedded import EmbeddedPostgres

KINDS = (Kind("1.18", None), Kind("1.24", 0), Kind("1.24", 1000))
DRIVERS = ("postgresql+asyncpg://", "postgresql+psycopg://")

ARE_LEFT_OUT = bool(missing()) and os.environ.get("WELLHEAD_POOLERS") != "required"

collect_ignore_glob = ["test_*.py"] if ARE_LEFT_OUT else []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run."""
    if ARE_LEFT_OUT:
        versions = " and ".join(missing())
        terminalreporter.section("not run")
        terminalreporter.write_line(
            f"tests/poolers was left out: it needs PgBouncer {versions}. make poolers fetches it."
        )


@pytest.fixture(scope="session", params=KINDS, ids=str)
def pooler(
    request: pytest.FixtureRequest,
    postgres: EmbeddedPostgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PgBouncer]:
    """A PgBouncer in transaction mode, with five connections to the server."""
    kind: Kind = request.param
    assert not missing(), f"PgBouncer {', '.join(missing())} is missing: run make poolers."
    with PgBouncer(kind, postgres.url, tmp_path_factory.mktemp("pgbouncer")) as pooler:
        yield pooler


@pytest.fixture(params=DRIVERS, ids=["asyncpg", "psycopg"])
def pooled_url(request: pytest.FixtureRequest, pooler: PgBouncer, database_url: str) -> str:
    """The URL of this test's database through the pooler, for either driver."""
    driver: str = request.param
    return pooler.url(database_url).replace("postgresql://", driver)
