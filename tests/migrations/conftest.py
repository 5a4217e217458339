"""What the tests of migrations share."""

from pathlib import Path

import pytest

from tests.staging.scripts import NO_POND, POND, Scripts
from wellhead import DatabaseSettings
from wellhead.migrations import Migrations


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """One migration, in a directory with a name that a ConfigParser would stumble over."""
    scripts = Scripts(tmp_path / "100% scripts")
    scripts.add("0001", POND, NO_POND, title="Dig a pond")
    return scripts


@pytest.fixture
def settings(database_url: str) -> DatabaseSettings:
    """Settings that give up soon."""
    return DatabaseSettings(url=database_url, migration_timeout=1.0, migration_lock_timeout=0.1)


@pytest.fixture
def migrations(scripts: Scripts, settings: DatabaseSettings) -> Migrations:
    """The migrations of those scripts, on an empty database."""
    return Migrations(scripts.directory, settings=settings)
