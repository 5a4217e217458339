"""Which server the tests get, and how their tables are made there."""

from pathlib import Path

import pytest
from sqlalchemy import MetaData

from tests.testing.conftest import Shop
from wellhead import ConfigurationError, EmbeddedError, MigrationError
from wellhead.embedded import EmbeddedPostgres
from wellhead.testing.worker import make_schema, serving


def refuse_to_start(_: EmbeddedPostgres) -> None:
    raise EmbeddedError("PostgreSQL was not found.")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://u:p@127.0.0.1:6432/db", "TEST_DATABASE_URL_DIRECT"),
        ("sqlite+aiosqlite:///:memory:", "must lead to a PostgreSQL"),
    ],
)
def test_a_server_on_which_no_databases_can_be_made_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, words: str
) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", url)

    with pytest.raises(ConfigurationError, match=words), serving(tmp_path):
        pass


def test_the_given_server_is_used_past_its_pooler(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    direct = "postgresql://u:p@127.0.0.1:5433/db?sslmode=disable"
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://u:p@127.0.0.1:6432/db?sslmode=disable")
    monkeypatch.setenv("TEST_DATABASE_URL_DIRECT", direct)

    with serving(tmp_path) as url:
        assert url == direct


def test_where_no_server_can_be_started_both_ways_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    monkeypatch.setattr(EmbeddedPostgres, "start", refuse_to_start)

    with (
        pytest.raises(ConfigurationError, match=r"wellhead\[testing\].*TEST_DATABASE_URL"),
        serving(tmp_path),
    ):
        pass


def test_metadata_makes_the_tables(database_url: str) -> None:
    make_schema(Shop.metadata, database_url)
    # They are there already, and that is no error.
    make_schema(Shop.metadata, database_url)


def test_a_schema_without_tables_is_refused(database_url: str) -> None:
    with pytest.raises(ConfigurationError, match="has no tables"):
        make_schema(MetaData(), database_url)


@pytest.mark.parametrize("scripts", [None, Path("nowhere")])
def test_migrations_that_are_not_there_are_named(database_url: str, scripts: Path | None) -> None:
    with pytest.raises(MigrationError, match=r"alembic\.ini|nowhere"):
        make_schema(scripts, database_url)
