"""Every part of a database comes from one place: code, the environment or ``.env``."""

import logging
from pathlib import Path

import pytest

from wellhead import DatabaseSettings, PostgresURL, SettingsError, URLError

HERE = "postgresql://app:pw@here.example/shop"
THERE = "postgresql://app:sw0rdfish@there.example/shop"
NEON = "postgresql://u:p@ep-{}.us-east-2.aws.neon.tech/shop"


def write_env(*lines: str) -> None:
    Path(".env").write_text("".join(f"DATABASE_{line}\n" for line in lines))


def host_of(settings: DatabaseSettings) -> str:
    assert isinstance(settings.url, PostgresURL)
    return settings.url.hosts[0].name


def test_knobs_that_are_given_in_code_are_completed_by_the_environment() -> None:
    write_env(f"URL={HERE}", "MAX_OVERFLOW=7")
    settings = DatabaseSettings(pool_size=3)

    assert (host_of(settings), settings.pool_size, settings.max_overflow) == ("here.example", 3, 7)


def test_the_url_of_the_environment_wins_with_all_that_belongs_to_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_env(f"URL={THERE}", f"URL_DIRECT={THERE}", "USER=them", "POOL_SIZE=3")
    monkeypatch.setenv("DATABASE_URL", HERE)
    settings = DatabaseSettings()

    assert (host_of(settings), settings.url_direct, settings.pool_size) == ("here.example", None, 3)
    names = "DATABASE_URL, DATABASE_URL_DIRECT, DATABASE_USER"
    assert caplog.messages == [
        f"{names} in .env: ignored, because the environment names the database."
    ]


def test_a_direct_url_without_the_url_it_belongs_to_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_env(f"URL={HERE}")
    monkeypatch.setenv("DATABASE_URL_DIRECT", THERE)

    with pytest.raises(SettingsError, match=r"URL_DIRECT is set in the environment, but its data"):
        DatabaseSettings()


def test_a_password_of_the_environment_completes_the_parts_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_env("HOST=here.example", "NAME=shop", "USER=app", f"URL_DIRECT={HERE}")
    monkeypatch.setenv("DATABASE_PASSWORD", "pw")
    settings = DatabaseSettings()

    assert settings.url.render(hide_password=False).startswith(HERE)
    assert settings.url_direct == PostgresURL.parse(HERE)


def test_another_name_in_the_environment_leaves_out_the_direct_url_of_the_file(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_env("HOST=here.example", "NAME=shop", f"URL_DIRECT={THERE}")
    monkeypatch.setenv("DATABASE_NAME", "scratch")
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        settings = DatabaseSettings()

    assert (settings.name, settings.host, settings.url_direct) == ("scratch", "here.example", None)
    assert "DATABASE_URL_DIRECT in .env: ignored" in caplog.text


def test_the_word_none_is_a_name_where_nothing_can_be_switched_off() -> None:
    write_env("HOST=here.example", "NAME=none", "PASSWORD=none")
    settings = DatabaseSettings()

    assert isinstance(settings.url, PostgresURL)
    assert (settings.url.database, settings.url.password) == ("none", "none")


@pytest.mark.parametrize("given", [{"url": None}, {"host": None, "name": None}])
def test_a_database_that_is_none_in_code_is_not_that_of_the_environment(
    given: dict[str, None],
) -> None:
    write_env(f"URL={THERE}")

    with pytest.raises(URLError, match="given in code, and its URL is None"):
        DatabaseSettings(**given)


def test_a_direct_url_alone_is_refused() -> None:
    write_env(f"URL={THERE}")

    with pytest.raises(SettingsError, match=r"DATABASE_URL_DIRECT is set, but DATABASE_URL is not"):
        DatabaseSettings(url_direct=HERE)


@pytest.mark.parametrize(
    ("url", "direct", "difference"),
    [
        (HERE, HERE.replace("/shop", "/prod"), "the database 'prod', but DATABASE_URL the "),
        ("sqlite+aiosqlite://", HERE, "the database 'shop', but DATABASE_URL the database 'sqlite"),
        (NEON.format("a-1-pooler"), NEON.format("b-2"), "the Neon endpoint 'ep-b-2', but DATABASE"),
    ],
)
def test_a_direct_url_that_names_another_database_is_refused(
    url: str, direct: str, difference: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        DatabaseSettings(url=url, url_direct=direct)

    assert f"DATABASE_URL_DIRECT names {difference}" in str(caught.value)
    assert ":p" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "direct"),
    [
        (HERE, THERE.replace("app:", "owner:")),
        (NEON.format("a-1-pooler"), NEON.format("a-1")),
        (NEON.format("a-1-pooler"), "postgresql://u:p@127.0.0.1:5433/shop"),
    ],
)
def test_a_direct_url_may_differ_in_host_port_and_user(url: str, direct: str) -> None:
    assert DatabaseSettings(url=url, url_direct=direct).direct_url() == PostgresURL.parse(direct)


def test_a_database_in_a_class_is_given_in_code() -> None:
    write_env(f"URL={THERE}", f"URL_DIRECT={THERE}", "POOL_SIZE=3")

    class Scratch(DatabaseSettings):
        host: str | None = "here.example"
        name: str | None = "shop"

    settings = Scratch(user="app")
    assert (host_of(settings), settings.url_direct, settings.pool_size) == (
        "here.example",
        None,
        10,
    )
