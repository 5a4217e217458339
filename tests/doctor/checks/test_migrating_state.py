"""What the given migrations need, and where the schema is."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.doctor.stages import at, connected
from tests.staging.databases import Databases
from tests.staging.scripts import POND, Scripts
from wellhead.doctor import Report, Wishes, examine
from wellhead.doctor.checks.migrating_state import extensions_in


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path / "scripts")


def codes_of(report: Report) -> list[str | None]:
    return [finding.code for finding in report.findings if finding.check == "migrations"]


async def test_a_schema_at_head_is_fine(database_url: str, scripts: Scripts) -> None:
    scripts.add("0001", POND)
    async with connected(database_url) as owner:
        await owner.execute("CREATE TABLE alembic_version (version_num text)")
        await owner.execute("INSERT INTO alembic_version VALUES ('0001')")
    report = await examine(Wishes(url=database_url, scripts=scripts.directory))

    assert codes_of(report) == [None]


async def test_migrations_that_are_not_there_are_a_warning(
    database_url: str, tmp_path: Path
) -> None:
    report = await examine(Wishes(url=database_url, scripts=tmp_path))

    assert codes_of(report) == ["migrations_unreadable"]


async def test_an_extension_that_the_server_lacks_is_named(
    database_url: str, scripts: Scripts
) -> None:
    scripts.add("0001", 'op.execute("CREATE EXTENSION IF NOT EXISTS nowhere_known")')
    report = await examine(Wishes(url=database_url, scripts=scripts.directory))

    assert codes_of(report) == ["schema_behind", "extension_missing"]


async def test_a_role_without_rights_is_told_which_it_lacks(
    database_url: str, databases: Databases, scripts: Scripts
) -> None:
    scripts.add("0001", 'op.execute("CREATE EXTENSION plpgsql")')
    role = f"guest_{urlsplit(database_url).path[1:]}"
    databases.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    try:
        place = urlsplit(database_url).netloc.rpartition("@")[2]
        url = at(database_url, f"{role}:secret@{place}")
        report = await examine(Wishes(url=url, scripts=scripts.directory))
    finally:
        databases.execute(f"DROP ROLE {role}")

    assert codes_of(report) == ["schema_behind", "cannot_create"]


def test_the_extensions_of_migrations_are_read_from_their_files(scripts: Scripts) -> None:
    scripts.add("0001", 'op.execute("CREATE EXTENSION IF NOT EXISTS citext")')
    scripts.add("0002", "op.execute('create extension \"uuid-ossp\"')")
    scripts.add("0003", "pass")

    assert extensions_in(scripts.directory) == ["citext", "uuid-ossp"]
