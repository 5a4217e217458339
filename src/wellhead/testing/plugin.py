"""The fixtures and the mark."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest

from wellhead.database import Database
from wellhead.errors import ConfigurationError
from wellhead.settings import DatabaseSettings
from wellhead.testing.network import Network
from wellhead.testing.worker import Schema, Worker, serving, working
from wellhead.url import PostgresURL, parse_url

NOWHERE = "postgresql://wellhead@127.0.0.1:1/use_the_fixture_named_database"
"""What ``DATABASE_URL`` is during a run, so that nothing reaches a database by mistake."""

MARK = "wellhead(commit)"

_PLACES = (
    "DATABASE_URL_DIRECT", "DATABASE_URL_FILE", "DATABASE_URL_DIRECT_FILE", "DATABASE_HOST",
    "DATABASE_PORT", "DATABASE_USER", "DATABASE_USER_FILE", "DATABASE_PASSWORD",
    "DATABASE_PASSWORD_FILE", "DATABASE_NAME", "DATABASE_DRIVER", "DATABASE_PARAMETERS",
)  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Hide every database that the environment names, before the application is imported."""
    environment = pytest.MonkeyPatch()
    early_config.add_cleanup(environment.undo)
    environment.setenv("DATABASE_URL", NOWHERE)
    for name in _PLACES:
        environment.delenv(name, raising=False)


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers",
        f"{MARK}: commit=True gives the test real transactions on its own copy of the database.",
    )


@pytest.fixture(scope="session")
def wellhead_schema() -> Schema:
    """Where the tables come from: metadata, or the folder of Alembic's scripts; override it.

    By default, the migrations that ``alembic.ini`` or ``pyproject.toml`` name.
    """
    return None


@pytest.fixture(scope="session")
def wellhead_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of the server on which databases are created; override it to use your own.

    By default ``TEST_DATABASE_URL``; if that is not set, a server that is started for the run.
    """
    directory = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        # All workers have one server.
        directory = directory.parent
    with serving(directory / "postgres") as url:
        yield url


@pytest.fixture(scope="session")
def _wellhead_workers(
    request: pytest.FixtureRequest, wellhead_server: str
) -> Iterator[Callable[[Schema], Worker]]:
    given: dict[str, str] = getattr(request.config, "workerinput", {})
    run = given.get("testrunuid", secrets.token_hex(16))[:12]
    with ExitStack() as stack:

        @cache
        def worker_for(schema: Schema) -> Worker:
            # Two parts of one project may have a schema each.
            worker = given.get("workerid", "main")
            return stack.enter_context(working(wellhead_server, schema, run, worker))

        yield worker_for


@pytest.fixture
def _wellhead_worker(
    _wellhead_workers: Callable[[Schema], Worker], wellhead_schema: Schema
) -> Worker:
    return _wellhead_workers(wellhead_schema)


@pytest.fixture
def wellhead_url(request: pytest.FixtureRequest, _wellhead_worker: Worker) -> Iterator[str]:
    """The URL of the test's database; whatever connects there joins the test's transaction."""
    mark = request.node.get_closest_marker("wellhead")
    commits = bool(mark and mark.kwargs.get("commit"))
    if not commits:
        with _wellhead_worker.joined() as url:
            yield url
        return
    with _wellhead_worker.committing() as url, Network(url) as network, network.present():
        yield network.through(url)


@pytest.fixture
def wellhead_database(wellhead_url: str) -> Database[Any]:
    """The application's database object; override it if the application creates its own."""
    return Database(DatabaseSettings(url=wellhead_url))


@pytest.fixture
def database(
    wellhead_database: Database[Any], wellhead_url: str, _wellhead_worker: Worker
) -> Iterator[Database[Any]]:
    """The application's database, which connects to the test's and opens at its first use."""
    with wellhead_database.leading_to(_led(wellhead_database, wellhead_url)) as database:
        _wellhead_worker.lineage.database = database
        yield database
        _wellhead_worker.lineage.database = None


def _led(database: Database[Any], url: str) -> DatabaseSettings:
    own = database.settings.url
    if not isinstance(own, PostgresURL):
        raise ConfigurationError(
            f"The fixture database needs PostgreSQL, and the URL of wellhead_database is {own}.",
            hint="Use that database without the fixtures of wellhead.testing.",
        )
    target = parse_url(url)
    assert isinstance(target, PostgresURL)  # noqa: S101 - it is ours
    scheme = f"postgresql+{own.driver}://"
    return database.settings.model_copy(
        update={
            "url": url.replace("postgresql://", scheme, 1),
            "may_sleep": "no",
            "start_degraded": False,
            # So the pool remembers in whose context each connection was taken.
            "pool_leak_threshold": database.settings.pool_leak_threshold or 3600.0,
        }
    )
