"""Secrets in files: `DATABASE_URL_FILE` and what can be wrong with it."""

from pathlib import Path

import pytest

from wellhead import DatabaseSettings, PostgresURL, SettingsError

URL = "postgresql://app:sw0rdfish@db.example/shop"


@pytest.fixture
def url_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the URL, named by the variable."""
    path = tmp_path / "database_url"
    path.write_text(URL + "\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(path))
    return path


def database_of(settings: DatabaseSettings) -> str:
    assert isinstance(settings.url, PostgresURL)
    return settings.url.database


@pytest.mark.usefixtures("url_file")
def test_the_url_is_read_from_the_file_without_its_line_end() -> None:
    assert database_of(DatabaseSettings()) == "shop"


@pytest.mark.usefixtures("url_file")
def test_the_direct_url_has_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "direct"
    path.write_text("postgresql://app:sw0rdfish@direct.example/shop")
    monkeypatch.setenv("DATABASE_URL_DIRECT_FILE", str(path))
    direct = DatabaseSettings().direct_url()

    assert isinstance(direct, PostgresURL)
    assert direct.hosts[0].name == "direct.example"


@pytest.mark.usefixtures("url_file")
def test_an_empty_variable_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")

    assert database_of(DatabaseSettings()) == "shop"


@pytest.mark.usefixtures("url_file")
def test_a_file_and_a_value_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)

    with pytest.raises(SettingsError) as caught:
        DatabaseSettings()

    assert str(caught.value) == (
        "DATABASE_URL and DATABASE_URL_FILE are both set; keep one of them."
    )


def test_the_dotenv_file_may_name_the_file_and_the_environment_wins(
    url_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL_FILE")
    (tmp_path / ".env").write_text(f"DATABASE_URL_FILE={url_file}\n")
    named_in_dotenv = database_of(DatabaseSettings())
    monkeypatch.setenv("DATABASE_URL", URL.replace("/shop", "/other"))

    assert (named_in_dotenv, database_of(DatabaseSettings())) == ("shop", "other")


def test_a_file_that_nobody_needs_is_not_opened(url_file: Path) -> None:
    url_file.unlink()

    assert database_of(DatabaseSettings(url=URL)) == "shop"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "which cannot be read: No such file or directory."),
        (b"\n", "which is empty."),
        (b"postgresql://app:\xff@db/shop", "which is not text in UTF-8."),
    ],
)
def test_a_file_without_a_value_is_refused_with_its_name(
    url_file: Path, content: bytes | None, fault: str
) -> None:
    url_file.unlink()
    if content is not None:
        url_file.write_bytes(content)

    with pytest.raises(SettingsError) as caught:
        DatabaseSettings()

    assert str(caught.value) == f"DATABASE_URL_FILE names {url_file}, {fault}"


@pytest.mark.usefixtures("url_file")
def test_the_variable_is_known_and_its_content_in_no_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = DatabaseSettings()

    assert "DATABASE_URL_FILE" not in caplog.text
    assert "sw0rdfish" not in f"{settings!r} {settings.model_dump()} {caplog.text}"
