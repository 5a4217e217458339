"""The database by its URL or by parts, a prefix for another one, and copies."""

import copy
import logging
import pickle
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, make_url

from wellhead import DatabaseSettings, PostgresURL, SettingsError, URLError

SHOP = "postgresql://app:sw0rdfish@db.example/shop"
ODD = "p@s:s/w?o#r%d &=+'\"\\ü€ [none]"


def url_of(settings: DatabaseSettings) -> PostgresURL:
    assert isinstance(settings.url, PostgresURL)
    return settings.url


def test_parts_make_the_url_whatever_the_password_has() -> None:
    settings = DatabaseSettings(
        host="db.example",
        port=6432,
        user="a@b",
        password=ODD,
        name="my/shop",
        driver="psycopg",
        parameters="sslmode=require&application_name=till",
    )
    url = url_of(settings)

    assert (url.user, url.password, url.database, url.driver) == ("a@b", ODD, "my/shop", "psycopg")
    assert (str(url.hosts[0]), url.sslmode) == ("db.example:6432", "require")
    assert settings.effective_application_name == "till"
    assert PostgresURL.parse(url.render(hide_password=False)) == url


@pytest.mark.parametrize("host", ["db.example", "::1", "/run/postgresql", "a.example,b.example"])
def test_every_host_of_a_url_may_be_a_part(host: str) -> None:
    names = [each.name for each in url_of(DatabaseSettings(host=host, name="shop")).hosts]

    assert ",".join(names) == host


def test_the_environment_may_give_parts_with_secrets_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"USER": "app", "PASSWORD": ODD}.items():
        (tmp_path / name).write_text(f"{value}\n")
        monkeypatch.setenv(f"DATABASE_{name}_FILE", str(tmp_path / name))
    monkeypatch.setenv("DATABASE_HOST", "db.example")
    monkeypatch.setenv("DATABASE_NAME", "shop")
    url = url_of(DatabaseSettings())

    assert (url.user, url.password, url.hosts[0].name) == ("app", ODD, "db.example")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"host": "h", "name": "d", "url": SHOP}, "DATABASE_URL and DATABASE_HOST are both set"),
        ({"password": "pw"}, "DATABASE_HOST is not set, but DATABASE_PASSWORD is"),
        ({"host": "h"}, "DATABASE_NAME is not set, but DATABASE_HOST is"),
        ({"host": "h", "name": "d", "port": 0}, "DATABASE_PORT is 0; it must be a number from 1"),
        ({"host": "h", "name": "d", "driver": "psycopg2"}, "it must be one of asyncpg, psycopg"),
        ({"host": "h", "name": "d", "password": "pw\n"}, "has a control character in its password"),
        (
            {"host": "h", "name": "d", "password": "***"},
            "a placeholder or a mask",
        ),
        ({"host": "h", "name": "d", "parameters": "a"}, "has a parameter that is not name=value"),
        ({"host": "a b", "name": "d"}, "has a character in its host that is not allowed"),
    ],
)
def test_parts_that_make_no_url_are_refused_without_the_password(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        DatabaseSettings(**given)

    assert said in str(caught.value)
    assert "pw" not in str(caught.value)
    assert "sw0rdfish" not in str(caught.value)


@pytest.mark.parametrize(
    "made",
    [
        URL.create("postgresql+psycopg", "app", ODD, "db.example", 6000, "shop"),
        URL.create("postgresql", "app", ODD, "::1", database="shop", query={"sslmode": "require"}),
        URL.create("postgresql", "a", ODD, database="d", query={"host": ("a:1", "b:2")}),
        make_url("postgresql+asyncpg:///shop?host=/run/postgresql&application_name=my+till"),
    ],
)
def test_sqlalchemys_url_is_taken_with_its_password(made: URL) -> None:
    url = url_of(DatabaseSettings(url=made, url_direct=made))

    assert (url.user, url.password, url.database) == (made.username, made.password, made.database)
    assert made.host in (None, url.hosts[0].name)
    assert url.parameters.application_name in (None, "my till")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (make_url(str(make_url(SHOP))), "a placeholder or a mask"),
        (make_url(SHOP.replace("postgresql", "mysql+pymysql")), "scheme"),
        (make_url("sqlite+aiosqlite:///shop.db"), "database file"),
    ],
)
def test_a_url_of_sqlalchemy_that_cannot_be_used_is_refused(made: URL, said: str) -> None:
    with pytest.raises(URLError, match=f"DATABASE_URL: .*{said}"):
        DatabaseSettings(url=made)


@pytest.mark.parametrize("given", [b"postgresql://h/d", 5, Path("postgresql://h/d")])
def test_something_else_than_a_url_is_refused(given: object) -> None:
    with pytest.raises(URLError, match="must be a str"):
        DatabaseSettings(url=given)


def test_a_further_database_has_a_prefix_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "archive").write_text(SHOP.replace("/shop", "/archive"))
    Path(".env").write_text(f"DATABASE_URL={SHOP}\nARCHIVE_DATABASE_POOL_SIZE=3\n")
    monkeypatch.setenv("ARCHIVE_DATABASE_URL_FILE", str(tmp_path / "archive"))
    monkeypatch.setenv("DATABASE_MAX_OVERFLOW", "7")
    archive, shop = DatabaseSettings(env_prefix="ARCHIVE_DATABASE_"), DatabaseSettings()

    assert (url_of(archive).database, archive.pool_size, archive.max_overflow) == ("archive", 3, 20)
    assert (url_of(shop).database, shop.pool_size, shop.max_overflow) == ("shop", 10, 7)
    assert DatabaseSettings.is_given(env_prefix="ARCHIVE_DATABASE_")
    assert not DatabaseSettings.is_given(env_prefix="OTHER_DATABASE_")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "ARCHIVE_DATABASE_URL is not set"),
        ({"URL": "http://db"}, "ARCHIVE_DATABASE_URL: The database URL has the scheme"),
        ({"URL": f"{SHOP}?pool_size=5"}, "set ARCHIVE_DATABASE_POOL_SIZE"),
        ({"URL": SHOP, "POOL_SIZE": "0"}, "ARCHIVE_DATABASE_POOL_SIZE is '0'"),
        ({"URL": SHOP, "POOL_TIMEOUT": "60"}, "ARCHIVE_DATABASE_POOL_TIMEOUT (60 s) must be less"),
        ({"URL": SHOP, "POOL_MIN_IDLE": "11"}, "ARCHIVE_DATABASE_POOL_MIN_IDLE (11) must not"),
        ({"URL": SHOP, "URL_FILE": "x"}, "ARCHIVE_DATABASE_URL and ARCHIVE_DATABASE_URL_FILE are"),
        ({"HOST": "h"}, "ARCHIVE_DATABASE_NAME is not set, but ARCHIVE_DATABASE_HOST is"),
        ({"URL": SHOP, "URL_DIRECT": SHOP + "s"}, "ARCHIVE_DATABASE_URL_DIRECT names the database"),
    ],
)
def test_errors_name_the_variables_of_the_prefix(
    variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"ARCHIVE_DATABASE_{name}", value)

    with pytest.raises((SettingsError, URLError)) as caught:
        DatabaseSettings(env_prefix="ARCHIVE_DATABASE_")

    assert said in str(caught.value)
    assert " DATABASE_" not in str(caught.value)


def test_a_direct_url_that_is_missing_is_asked_for_by_the_name_of_the_prefix() -> None:
    settings = DatabaseSettings(env_prefix="ARCHIVE_DATABASE_", url=f"{SHOP}?pgbouncer=true")

    with pytest.raises(URLError, match="set ARCHIVE_DATABASE_URL_DIRECT"):
        settings.direct_url()


@pytest.mark.parametrize("prefix", ["", "ARCHIVE", "1_", "A-B_", "A_ "])
def test_a_prefix_that_cannot_be_one_is_refused(prefix: str) -> None:
    with pytest.raises(SettingsError, match="with an underscore at the end"):
        DatabaseSettings(env_prefix=prefix)


def test_a_copy_with_another_url_has_no_direct_url_of_the_old_one() -> None:
    settings = DatabaseSettings(url=SHOP, url_direct=SHOP, pool_size=3)
    scratch = settings.model_copy(update={"url": "postgresql://u:p@localhost/shop"})

    assert url_of(scratch).hosts[0].name == "localhost"
    assert (scratch.url_direct, scratch.pool_size) == (None, 3)
    assert settings.model_copy(update={"pool_size": 4}).url_direct == settings.url_direct


def test_a_copy_of_parts_takes_another_name_and_keeps_the_rest() -> None:
    settings = DatabaseSettings(host="db.example", name="shop", password=ODD)
    scratch = settings.model_copy(update={"name": "scratch"})

    assert (url_of(scratch).database, url_of(scratch).password) == ("scratch", ODD)
    assert settings.model_copy(update={"url": SHOP}).host is None


def test_a_copy_is_checked_and_keeps_its_prefix() -> None:
    settings = DatabaseSettings(env_prefix="ARCHIVE_DATABASE_", url=SHOP)

    with pytest.raises(SettingsError, match="ARCHIVE_DATABASE_POOL_SIZE is 0"):
        settings.model_copy(update={"pool_size": 0})


def test_settings_can_be_pickled_and_made_again_of_their_own_values() -> None:
    settings = DatabaseSettings(host="db.example", name="shop", password=ODD, pool_size=3)

    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own
    assert copy.deepcopy(settings) == settings
    assert url_of(DatabaseSettings(**dict(settings))) == settings.url


def test_no_part_that_is_secret_shows(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        settings = DatabaseSettings(host="db.example", name="shop", password="sw0rdfish")

    assert "sw0rdfish" not in f"{settings!r} {settings} {settings.model_dump_json()} {caplog.text}"
