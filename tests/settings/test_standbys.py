"""The settings of replicas: which URLs are accepted, and where they come from."""

from pathlib import Path
from typing import Any

import pytest

from wellhead import DatabaseSettings, SettingsError, URLError
from wellhead.settings.standbys import SHORTEST_KEY

URL = "postgresql://app:word@one/shop"
TWO = "postgresql://app:word@two/shop"
THREE = "postgresql://app:word@three:5433/shop"


def hosts_of(settings: DatabaseSettings) -> list[list[str]]:
    return [[str(host) for host in url.hosts] for url in settings.replica_url or ()]


@pytest.mark.parametrize(
    "between", [",", " ", ", ", "\n", " ,\t"], ids=["comma", "space", "both", "line", "many"]
)
def test_several_urls_are_separated_by_commas_or_spaces(between: str) -> None:
    settings = DatabaseSettings(url=URL, replica_url=f"{TWO}{between}{THREE}")

    assert hosts_of(settings) == [["two"], ["three:5433"]]


def test_the_hosts_of_one_url_stay_together() -> None:
    several = "postgresql://app@two,three/shop?target_session_attrs=prefer-standby"

    settings = DatabaseSettings(url=URL, replica_url=f"{several},{TWO}")

    assert hosts_of(settings) == [["two", "three"], ["two"]]


def test_they_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("DATABASE_REPLICA_URL", TWO)

    assert hosts_of(DatabaseSettings()) == [["two"]]


def test_they_and_the_key_come_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "urls").write_text(f"{TWO}\n{THREE}\n")
    (tmp_path / "key").write_text("k" * SHORTEST_KEY)
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("DATABASE_REPLICA_URL_FILE", str(tmp_path / "urls"))
    monkeypatch.setenv("DATABASE_REPLICA_KEY_FILE", str(tmp_path / "key"))

    settings = DatabaseSettings()

    assert hosts_of(settings) == [["two"], ["three:5433"]]
    assert settings.replica_key is not None
    assert settings.replica_key.get_secret_value() == "k" * SHORTEST_KEY


def test_another_database_drops_the_replicas_of_the_first() -> None:
    settings = DatabaseSettings(url=URL, replica_url=TWO)

    assert settings.model_copy(update={"pool_size": 3}).replica_url == settings.replica_url
    assert settings.model_copy(update={"url": THREE}).replica_url is None


def test_a_database_given_in_code_gets_no_replicas_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_REPLICA_URL", TWO)

    assert DatabaseSettings(url=URL).replica_url is None


def test_replicas_of_the_environment_do_not_follow_a_database_of_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"DATABASE_URL={URL}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_REPLICA_URL", TWO)

    with pytest.raises(SettingsError, match="DATABASE_REPLICA_URL is set in the environment"):
        DatabaseSettings()


@pytest.mark.parametrize(
    ("replica", "why"),
    [
        ("postgresql://app@two/other", "names the database 'other'"),
        ("postgresql+psycopg://app@two/shop", "names the driver psycopg"),
        ("postgresql://app@two:6432/shop", "leads to a transaction pooler"),
        ("postgresql://app@two/shop?pgbouncer=true", "leads to a transaction pooler"),
        ("sqlite+aiosqlite://", "must be a PostgreSQL server"),
        ("mysql://app@two/shop", "scheme mysql://"),
        ("", "must be a str, or a list"),
    ],
    ids=["database", "driver", "port", "parameter", "sqlite", "mysql", "empty"],
)
def test_what_cannot_be_a_replica_is_refused(replica: str, why: str) -> None:
    with pytest.raises((SettingsError, URLError), match=why) as caught:
        DatabaseSettings(url=URL, replica_url=[replica] if replica else [])

    assert "DATABASE_REPLICA_URL" in str(caught.value)
    assert "word" not in str(caught.value)


@pytest.mark.parametrize("attributes", ["", "?target_session_attrs=any"])
def test_a_primary_among_several_hosts_has_to_be_asked_for(attributes: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL lists several hosts"):
        DatabaseSettings(url=f"postgresql://app@one,two/shop{attributes}", replica_url=TWO)

    several = "postgresql://app@one,two/shop?target_session_attrs=read-write"
    assert DatabaseSettings(url=several, replica_url=TWO).replica_url


@pytest.mark.parametrize("attributes", ["read-write", "primary"])
def test_a_replica_is_not_asked_to_be_the_primary(attributes: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_REPLICA_URL asks for the primary"):
        DatabaseSettings(url=URL, replica_url=f"{TWO}?target_session_attrs={attributes}")


def test_the_longest_lag_is_never_less_than_that_without_an_outage() -> None:
    assert DatabaseSettings(url=URL).longest_replica_lag == 300
    given = {"replica_max_lag": 600, "replica_outage_lag": 0}
    assert DatabaseSettings(url=URL, **given).longest_replica_lag == 600


PATRONI = "https://reader:hunter%2C2@one:8008"


def test_several_addresses_of_patroni_are_separated_by_commas_or_spaces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "patroni").write_text(f"{PATRONI},http://two:8008\n")
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("DATABASE_PATRONI_URL_FILE", str(tmp_path / "patroni"))

    settings = DatabaseSettings()

    assert [str(url) for url in settings.patroni_url or ()] == [
        "https://reader:***@one:8008", "http://two:8008",
    ]  # fmt: skip
    assert settings.has_replicas
    assert "hunter" not in repr(settings)
    assert "hunter" not in str(settings.model_dump())
    assert settings.model_copy(update={"url": THREE}).patroni_url is None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"url": URL, "patroni_url": "https://reader:hunter@one"}, "address of Patroni cannot be"),
        ({"url": URL, "patroni_url": ""}, "cannot be used"),
        ({"url": URL, "patroni_url": []}, "must be a str, or a list"),
        ({"url": URL, "patroni_url": PATRONI, "replica_url": TWO}, "are both set"),
        ({"url": "sqlite+aiosqlite://", "patroni_url": PATRONI}, "is not a PostgreSQL"),
        ({"url": "postgresql://app@one,two/shop", "patroni_url": PATRONI}, "several hosts"),
    ],
    ids=["address", "empty", "none", "both", "sqlite", "hosts"],
)
def test_what_cannot_be_a_source_of_replicas_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises((SettingsError, URLError), match=why) as caught:
        DatabaseSettings(**given)

    assert "DATABASE_" in str(caught.value)
    assert "hunter" not in str(caught.value)


def test_a_short_key_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingsError, match=f"at least {SHORTEST_KEY} characters") as caught:
        DatabaseSettings(url=URL, replica_key="opensesame")

    assert "opensesame" not in str(caught.value)


def test_no_password_of_a_replica_is_shown() -> None:
    settings = DatabaseSettings(url=URL, replica_url=TWO, replica_key="k" * SHORTEST_KEY)

    assert "word@" not in repr(settings)
    assert "word@" not in str(settings.model_dump())
    assert "kkkk" not in repr(settings)
