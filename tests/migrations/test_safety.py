"""What may be destroyed: what is on this machine, and what is named."""

import pytest

from tests.staging.scripts import Scripts, tables
from wellhead import DatabaseSettings, MigrationError, PostgresURL
from wellhead.migrations import Migrations
from wellhead.migrations.safety import is_local


@pytest.mark.parametrize(
    ("place", "local"),
    [
        ("localhost", True),
        ("LOCALHOST:5433", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("[::1]:5432", True),
        ("%2Fvar%2Frun%2Fpostgresql", True),
        ("localhost,127.0.0.1", True),
        ("db", False),
        ("10.0.0.7", False),
        ("localhost.example", False),
        ("localhost,db.example", False),
        ("ep-one-two-123.us-east-2.aws.neon.tech", False),
    ],
)
def test_a_server_is_local_by_its_address(place: str, local: bool) -> None:
    assert is_local(PostgresURL.parse(f"postgresql://u:p@{place}/shop")) is local


def test_a_tunnel_to_neon_is_not_local() -> None:
    url = "postgresql://u:p@localhost/shop?options=endpoint%3Dep-one-two-123"

    assert not is_local(PostgresURL.parse(url))


@pytest.fixture
def remote(scripts: Scripts, database_url: str) -> Migrations:
    # It leads to the same server, and looks like another machine.
    url = database_url.replace("127.0.0.1", "0.0.0.0")  # noqa: S104
    migrations = Migrations(scripts.directory, settings=DatabaseSettings(url=url))
    migrations.upgrade()
    return migrations


@pytest.mark.parametrize("named", [None, "shop"])
def test_a_database_elsewhere_is_not_destroyed(
    remote: Migrations, database_url: str, named: str | None
) -> None:
    name = database_url.rpartition("/")[2]

    with pytest.raises(MigrationError, match=f"--database {name}"):
        remote.downgrade("base", named_database=named)
    assert tables(database_url) == {"pond"}


def test_a_database_elsewhere_is_destroyed_when_it_is_named(
    remote: Migrations, database_url: str
) -> None:
    remote.downgrade("base", named_database=database_url.rpartition("/")[2])

    assert tables(database_url) == set()


def test_a_migration_back_to_where_the_schema_is_destroys_nothing(remote: Migrations) -> None:
    assert remote.downgrade("0001") == ()
