"""What a development set-up has without being configured."""

import os
from pathlib import Path

import pytest
from staged import KEY

from todo.provisioning import linking_to, provided_database
from todo.settings import Settings
from wellhead import ConfigurationError

pytestmark = pytest.mark.wellhead(commit=True)


def test_a_database_url_is_used_and_shown_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "postgresql://me:hidden@db.example/app"
    monkeypatch.setenv("DATABASE_URL", url)

    with provided_database(Settings()) as data:
        assert data.startswith("postgresql://me:***@db.example")
        assert os.environ["DATABASE_URL"] == url


def test_production_starts_no_database_of_its_own() -> None:
    settings = Settings(app_env="production", jwt_secret_key=KEY)

    with (
        pytest.raises(ConfigurationError, match="DATABASE_URL is missing"),
        provided_database(settings),
    ):
        pytest.fail("a database was provided")


def test_without_a_url_a_server_is_started_beside_its_data(
    public_directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(data_dir=public_directory / "served")
    caplog.set_level("INFO", "todo")

    with provided_database(settings) as data:
        assert str(public_directory / "served" / "postgres") in data
        assert os.environ["DATABASE_URL"].startswith("postgresql://wellhead:")
        assert caplog.messages == [f"a new, empty database is created in {settings.data_dir}"]
    assert "DATABASE_URL" not in os.environ


@pytest.mark.parametrize("place", [".env", "environment"])
def test_no_server_is_started_beside_a_direct_url_of_another_database(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://prod:hidden@db.example/app"
    if place == ".env":
        Path(".env").write_text(f"DATABASE_URL_DIRECT={url}\n")
    else:
        monkeypatch.setenv("DATABASE_URL_DIRECT", url)

    with (
        pytest.raises(ConfigurationError, match="DATABASE_URL_DIRECT is set, but DATABASE_URL is"),
        provided_database(Settings()),
    ):
        pytest.fail("a database was provided")


def test_a_database_in_parts_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "db.example", "NAME": "app", "PASSWORD": "hidden"}.items():
        monkeypatch.setenv(f"DATABASE_{name}", value)

    with provided_database(Settings()) as data:
        assert data.startswith("postgresql://:***@db.example/app")


def test_mails_of_a_development_set_up_link_to_the_server_itself() -> None:
    with linking_to("http://127.0.0.1:8123", Settings()):
        linked = Settings().public_url

    assert linked == "http://127.0.0.1:8123"
    assert Settings().public_url is None


@pytest.mark.parametrize(
    "configured",
    [
        {"public_url": "https://todo.example.com"},
        {"app_env": "production", "jwt_secret_key": KEY},
    ],
)
def test_mails_link_to_no_address_of_this_machine_otherwise(configured: dict[str, str]) -> None:
    with linking_to("http://127.0.0.1:8123", Settings.model_validate(configured)):
        assert "PUBLIC_URL" not in os.environ
