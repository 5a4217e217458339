"""Names that begin as settings do and are none."""

import logging
from pathlib import Path

import pytest

from wellhead import DatabaseSettings


@pytest.fixture(autouse=True)
def url(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of the environment."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:pw@db.example/shop")
    monkeypatch.setenv("DATABASE_BACKUP_BUCKET", "s3")


def test_a_name_is_warned_of_wherever_it_is(caplog: pytest.LogCaptureFixture) -> None:
    Path(".env").write_text("DATABASE_POOLSIZE=5\n")
    DatabaseSettings()

    assert [line.partition(" ")[0] for line in caplog.messages] == [
        "DATABASE_BACKUP_BUCKET",
        "DATABASE_POOLSIZE",
    ]


@pytest.mark.parametrize(
    "declared",
    ["DATABASE_BACKUP_BUCKET", "x, database_backup_bucket", "DATABASE_BACKUP_*", "A B DATABASE_B*"],
)
def test_a_name_that_is_declared_once_is_not_warned_of(
    declared: str, caplog: pytest.LogCaptureFixture
) -> None:
    Path(".env").write_text(f"DATABASE_APPLICATION_VARIABLES={declared}\n")
    DatabaseSettings()

    assert caplog.messages == []


def test_a_name_may_be_declared_in_code(caplog: pytest.LogCaptureFixture) -> None:
    DatabaseSettings(application_variables=["DATABASE_BACKUP_BUCKET"])

    assert caplog.messages == []


def test_a_field_of_a_derived_class_is_known(caplog: pytest.LogCaptureFixture) -> None:
    class Settings(DatabaseSettings):
        backup_bucket: str = ""

    assert Settings().backup_bucket == "s3"
    assert caplog.messages == []


def test_names_of_another_prefix_are_no_concern(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHIVE_DATABASE_URL", "postgresql://app:pw@db.example/archive")
    monkeypatch.setenv("ARCHIVE_DATABASE_POOLSIZE", "5")
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        DatabaseSettings(env_prefix="ARCHIVE_DATABASE_")

    [message] = caplog.messages
    assert message.startswith("ARCHIVE_DATABASE_POOLSIZE is not a setting and has no effect.")
    assert message.endswith("Did you mean ARCHIVE_DATABASE_POOL_SIZE?")


def test_nothing_is_said_of_an_environment_that_is_not_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    DatabaseSettings(url="postgresql://app:pw@db.example/shop")

    assert caplog.messages == []
