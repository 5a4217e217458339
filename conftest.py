"""What the tests of the library and of the application share: a real PostgreSQL, staged."""

import gc
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.staging.databases import Databases
from tests.staging.given import Postgres, given_postgres
from tests.staging.memory import place_in_memory
from tests.staging.passwords import check_password_cheaply
from tests.staging.pki import PKI, TLSPostgres
from tests.staging.state import kept_apart
from wellhead.embedded import EmbeddedPostgres
from wellhead.testing.proxy import TCPProxy

# Nothing of what tests are made of becomes garbage; until all are collected, nobody looks for it.
gc.disable()

# A shell lets what it starts in the background ignore Ctrl-C, and a program that a test starts
# would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The files that take longest; one of them at the end would keep one worker busy and no other.
_LONG = (
    "test_nothing_is_lost", "test_fleet", "test_draining", "test_docs", "test_write_routes",
    "test_cli", "test_sleep", "test_contract", "test_strategies", "test_lost_commits",
    "test_waking", "test_truth", "test_bad_input", "test_migrations", "test_tasks_routes",
    "test_idempotency_service",
)  # fmt: skip

_PREFIXES = ("DATABASE_", "JWT_", "APP_", "CORS_", "PG")
_NAMES = {"HOST", "PORT", "DEBUG", "RELOAD", "DRAIN_SECONDS", "METRICS"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    places = {name: place for place, name in enumerate(_LONG)}
    items.sort(key=lambda item: places.get(item.path.stem, len(_LONG)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Leave the tests themselves out of every later look for garbage: they are most objects."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _state_kept_apart(
    tmp_path_factory: pytest.TempPathFactory, public_directory: Path
) -> Iterator[None]:
    """What fixtures of a whole run remember stays out of the user's state; see `tests.staging`."""
    places = (tmp_path_factory.getbasetemp(), public_directory)
    with kept_apart(tmp_path_factory.mktemp("state"), *places):
        yield


@pytest.fixture(scope="session")
def public_directory() -> Iterator[Path]:
    """A directory that every account can enter, as the server's account must when we are root."""
    with tempfile.TemporaryDirectory(prefix="wellhead-", dir=place_in_memory()) as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="session")
def postgres(public_directory: Path) -> Iterator[Postgres]:
    """One server for the whole run; its settings and its system databases belong to everybody."""
    with ExitStack() as stack:
        server: Postgres | None = given_postgres()
        if server is None:
            embedded = EmbeddedPostgres(public_directory / "postgres", durable=False)
            server = stack.enter_context(embedded)
        check_password_cheaply(server.url)
        yield server


@pytest.fixture(scope="session")
def wellhead_server(postgres: Postgres) -> str:
    """The same server for the fixtures of the plugin."""
    return postgres.url


@pytest.fixture(scope="session")
def databases(postgres: Postgres) -> Iterator[Databases]:
    """Makes databases on the server, and copies of them."""
    with Databases(postgres.url) as databases:
        yield databases


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """The URL of an empty database for this test alone."""
    url = databases.create()
    yield url
    databases.drop(url)


@pytest.fixture
async def proxy(postgres: Postgres) -> AsyncIterator[TCPProxy]:
    """A network in front of the server that counts, and that the test may break."""
    async with TCPProxy("127.0.0.1", postgres.port) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def pki(public_directory: Path) -> PKI:
    """A certificate authority that no machine trusts."""
    directory = public_directory / "pki"
    directory.mkdir()
    return PKI(directory)


@pytest.fixture(scope="session")
def tls_postgres(pki: PKI) -> Iterator[TLSPostgres]:
    """A server that insists on TLS, and whose certificate is right for where it listens."""
    with pki.postgres("right-host", "localhost", "127.0.0.1") as server:
        yield server


@pytest.fixture(scope="session")
def wrong_host_postgres(pki: PKI) -> Iterator[TLSPostgres]:
    """A server that insists on TLS, and whose certificate names another host."""
    with pki.postgres("wrong-host", "other.example") as server:
        yield server


@pytest.fixture(autouse=True)
def _clean_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the developer's shell and no ``.env`` of the checkout reaches a test."""
    for name in list(os.environ):
        if name.upper() in _NAMES or name.upper().startswith(_PREFIXES):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
