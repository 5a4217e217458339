"""Settings: their sources, their ranges, and how a wrong one is refused."""

import logging
from pathlib import Path

import pytest

from wellhead import DatabaseSettings, PostgresURL, SettingsError, URLError
from wellhead.settings.pooling import PROFILES, Profile

URL = "postgresql://app:sw0rdfish@db.example/shop"


def test_the_seeds_names_and_defaults_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    settings = DatabaseSettings()

    assert isinstance(settings.url, PostgresURL)
    assert (settings.pool_size, settings.max_overflow, settings.pool_timeout) == (10, 20, 30)
    assert (settings.pool_recycle, settings.pool_pre_ping, settings.echo) == (3600, True, False)
    assert (settings.connect_retry_count, settings.connect_retry_delay) == (3, 2)


def test_a_dotenv_file_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(f"DATABASE_URL={URL}\nDATABASE_POOL_SIZE=3\nDATABASE_ECHO=yes\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_POOL_SIZE", "4")
    settings = DatabaseSettings()

    assert settings.pool_size == 4
    assert settings.echo is True


@pytest.mark.parametrize("profile", list(PROFILES))
def test_a_profile_sets_what_nothing_else_sets(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("DATABASE_PROFILE", profile)
    monkeypatch.setenv("DATABASE_MAX_OVERFLOW", "1")
    settings = DatabaseSettings()

    assert settings.pool_size == PROFILES[profile]["pool_size"]
    assert settings.max_overflow == 1


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("POOL_SIZE", "0", "a number from 1 to 1000"),
        ("POOL_SIZE", "many", "a number from 1 to 1000"),
        ("MAX_OVERFLOW", "-1", "a number from 0 to 1000"),
        ("POOL_TIMEOUT", "nan", "a number from 0.1 to 600"),
        ("POOL_MODE", "auto", "one of pool, none"),
        ("PROFILE", "huge", "one of development, small, large, serverless, or none"),
        ("ECHO", "perhaps", "true or false"),
        ("COMMAND_TIMEOUT", "0", "a number from 0.1 to 3600, or none"),
    ],
)
def test_a_value_out_of_range_is_refused_with_name_value_and_range(
    name: str, value: str, accepted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv(f"DATABASE_{name}", value)

    with pytest.raises(SettingsError) as caught:
        DatabaseSettings()

    assert str(caught.value) == f"DATABASE_{name} is {value!r}; it must be {accepted}."


def test_every_value_that_cannot_be_used_is_told_in_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("DATABASE_POOL_SIZE", "many")
    monkeypatch.setenv("DATABASE_PROFILE", "huge")

    with pytest.raises(SettingsError) as caught:
        DatabaseSettings()

    profile, size = str(caught.value).splitlines()
    assert profile.startswith("DATABASE_PROFILE is 'huge'; it must be one of development, ")
    assert size == "DATABASE_POOL_SIZE is 'many'; it must be a number from 1 to 1000."


def test_a_comment_after_a_value_belongs_to_it_in_the_environment_and_not_in_a_dotenv_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text(
        "DATABASE_URL=postgresql://u:p@localhost/d  # Neon\n"
        "DATABASE_POOL_SIZE=7  # Max connections in pool\n"
    )
    assert DatabaseSettings().pool_size == 7

    monkeypatch.setenv("DATABASE_POOL_SIZE", "7  # Max connections in pool")
    with pytest.raises(SettingsError) as caught:
        DatabaseSettings()

    assert str(caught.value) == (
        "DATABASE_POOL_SIZE is '7  # Max connections in pool'; it must be a number from 1 to 1000. "
        "The comment was read as part of the value, as docker run --env-file and systemd do: put "
        "it on a line of its own."
    )


def test_a_limit_is_switched_off_with_the_word_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("DATABASE_COMMAND_TIMEOUT", "none")

    assert DatabaseSettings().command_timeout is None


@pytest.mark.parametrize("mode", ["pool", "none"])
def test_every_pool_mode_can_be_named_in_the_environment(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("DATABASE_POOL_MODE", mode)

    assert DatabaseSettings().pool_mode == mode


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_URL_DIRECT"])
def test_quotes_around_a_url_of_the_environment_are_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv(name, f'"{URL}"')

    with pytest.raises(URLError, match=f"{name}: The database URL has quotes around it"):
        DatabaseSettings()


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    for name in ("PROFILE", "URL_DIRECT", "POOL_SIZE"):
        monkeypatch.setenv(f"DATABASE_{name}", "")
    settings = DatabaseSettings()

    assert (settings.profile, settings.url_direct, settings.pool_size) == (None, None, 10)


def test_a_dotenv_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("DATABASE_URL=postgresql://u:ä@h/d".encode("latin-1"))

    with pytest.raises(SettingsError, match=r"\.env .* is not UTF-8 text"):
        DatabaseSettings()


def test_waits_must_nest() -> None:
    with pytest.raises(SettingsError, match=r"CONNECT_TIMEOUT \(10 s\).*POOL_TIMEOUT \(5 s\)"):
        DatabaseSettings(url=URL, pool_timeout=5)


def test_the_urls_connect_timeout_counts_where_no_setting_says_otherwise() -> None:
    url = f"{URL}?connect_timeout=15"

    assert DatabaseSettings(url=url).effective_connect_timeout == 15
    assert DatabaseSettings(url=url, connect_timeout=4).effective_connect_timeout == 4


def test_the_urls_command_timeout_counts_where_no_setting_says_otherwise() -> None:
    url = f"{URL}?command_timeout=15"

    assert DatabaseSettings(url=url).effective_command_timeout == 15
    assert DatabaseSettings(url=url, command_timeout=None).effective_command_timeout is None


def test_an_unknown_variable_is_warned_of_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("DATABASE_POOLSIZE", "5")
    with caplog.at_level(logging.WARNING, logger="wellhead"):
        DatabaseSettings()

    assert caplog.messages == [
        "DATABASE_POOLSIZE is not a setting and has no effect. Did you mean DATABASE_POOL_SIZE?"
    ]


def test_an_unknown_keyword_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError, match=r"no field 'poolsize'\. Did you mean pool_size"):
        DatabaseSettings(url=URL, poolsize=5)


def test_a_missing_url_is_refused_with_an_example() -> None:
    with pytest.raises(URLError, match="DATABASE_URL is not set"):
        DatabaseSettings()


def test_a_bad_url_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL.replace("postgresql", "mysql"))

    with pytest.raises(URLError) as caught:
        DatabaseSettings()

    assert "DATABASE_URL" in str(caught.value)
    assert "sw0rdfish" not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is None


def test_the_password_is_in_no_text_of_the_settings() -> None:
    settings = DatabaseSettings(url=URL, url_direct=URL)

    assert "sw0rdfish" not in repr(settings) + str(settings) + str(settings.model_dump())


def test_the_direct_url_of_neon_is_derived_and_a_given_one_wins() -> None:
    pooled = "postgresql://u:p@ep-cool-darkness-a1b2c3d4-pooler.us-east-2.aws.neon.tech/neondb"
    derived = DatabaseSettings(url=pooled).direct_url()
    given = DatabaseSettings(url=pooled, url_direct=URL.replace("/shop", "/neondb")).direct_url()

    assert isinstance(derived, PostgresURL)
    assert derived.hosts[0].name == "ep-cool-darkness-a1b2c3d4.us-east-2.aws.neon.tech"
    assert isinstance(given, PostgresURL)
    assert given.hosts[0].name == "db.example"


def test_settings_cannot_be_changed() -> None:
    settings = DatabaseSettings(url=URL)

    with pytest.raises(ValueError, match="frozen"):
        settings.pool_size = 3  # type: ignore[misc]


def test_a_request_must_have_longer_than_it_may_wait_for_its_connection() -> None:
    with pytest.raises(SettingsError, match=r"POOL_TIMEOUT \(30 s\).*REQUEST_TIMEOUT \(30 s\)"):
        DatabaseSettings(url=URL, request_timeout=30)

    assert DatabaseSettings(url=URL, request_timeout=None, pool_timeout=600).request_timeout is None


def test_running_again_must_take_less_than_a_request() -> None:
    with pytest.raises(SettingsError, match=r"RUN_TIMEOUT \(60 s\).*REQUEST_TIMEOUT \(60 s\)"):
        DatabaseSettings(url=URL, run_timeout=60)

    assert DatabaseSettings(url=URL).effective_run_timeout == 10
    assert DatabaseSettings(url=URL, request_timeout=None, run_timeout=60).run_timeout == 60


def test_the_default_for_running_again_follows_a_shorter_request() -> None:
    settings = DatabaseSettings(url=URL, request_timeout=4, pool_timeout=3, connect_timeout=1)

    assert settings.effective_run_timeout == 4


NEON = "postgresql://u:p@ep-cool-darkness-a1b2c3d4.us-east-2.aws.neon.tech/neondb"
ELSEWHERE = "postgresql://u:p@127.0.0.1/neondb"


@pytest.mark.parametrize(
    ("url", "may_sleep", "effective"),
    [
        (NEON, "auto", True),
        (NEON, "no", False),
        (ELSEWHERE, "auto", False),
        (ELSEWHERE, "yes", True),
        ("sqlite+aiosqlite://", "auto", False),
    ],
)
def test_whether_the_database_may_sleep_is_said_or_told_by_its_host(
    url: str, may_sleep: str, effective: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("DATABASE_MAY_SLEEP", may_sleep)
    settings = DatabaseSettings()

    assert settings.effective_may_sleep is effective


@pytest.mark.parametrize("value", ["true", "none", "1", True, None])
def test_another_word_for_may_sleep_is_refused(value: object) -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_MAY_SLEEP is .*; it must be one of auto"):
        DatabaseSettings(url=ELSEWHERE, may_sleep=value)
