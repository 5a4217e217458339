"""The application's settings: what is read, what is refused, and how that is said."""

from pathlib import Path

import pytest
from refused_settings import refusal
from staged import KEY

from todo.settings import Settings
from wellhead.errors import SettingsError


def test_nothing_needs_to_be_set_for_development() -> None:
    settings = Settings()

    assert (settings.app_env, settings.host, settings.port) == ("development", "127.0.0.1", 8000)
    assert settings.jwt_secret_key is None


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("APP_NAME", "Errands", "app_name", "Errands"),
        ("APP_VERSION", "2.1", "app_version", "2.1"),
        ("DEBUG", "true", "debug", True),
        ("JWT_ALGORITHM", "HS512", "jwt_algorithm", "HS512"),
        ("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", "30", "jwt_access_token_expire_minutes", 30),
        ("JWT_REFRESH_TOKEN_EXPIRE_MINUTES", "60", "jwt_refresh_token_expire_minutes", 60),
        ("JWT_ISSUER", "me", "jwt_issuer", "me"),
        ("JWT_AUDIENCE", "you", "jwt_audience", "you"),
        ("CORS_ORIGINS", "https://a.example", "cors_origins", ["https://a.example"]),
        ("CORS_ORIGINS", "[]", "cors_origins", []),
        ("CORS_ALLOW_CREDENTIALS", "false", "cors_allow_credentials", False),
        ("CORS_ALLOW_METHODS", "GET, POST", "cors_allow_methods", ["GET", "POST"]),
        ("CORS_ALLOW_HEADERS", '["X-One"]', "cors_allow_headers", ["X-One"]),
        ("HOST", "0.0.0.0", "host", "0.0.0.0"),  # noqa: S104 - read, not bound
        ("PORT", "8080", "port", 8080),
        ("RELOAD", "1", "reload", True),
        ("BODY_LIMIT", "2MiB", "body_limit", 2 * 1024 * 1024),
        ("LOG_FORMAT", "json", "log_format", "json"),
        ("LOG_LEVEL", "warning", "log_level", "WARNING"),
    ],
)
def test_each_setting_is_read_from_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, field: str, expected: object
) -> None:
    monkeypatch.setenv(variable, value)

    assert getattr(Settings(), field) == expected


@pytest.mark.parametrize("given", [None, "elsewhere", "~/elsewhere", "/var/lib/todo"])
def test_the_directory_of_the_data_is_known_from_the_root(
    monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    if given is not None:
        monkeypatch.setenv("DATA_DIR", given)
    expected = {
        None: Path.cwd() / ".wellhead",
        "elsewhere": Path.cwd() / "elsewhere",
        "~/elsewhere": Path.home() / "elsewhere",
    }

    assert Settings().data_dir == expected.get(given, Path("/var/lib/todo"))


def test_settings_are_read_from_a_dotenv_file() -> None:
    Path(".env").write_text("APP_NAME=From a file\nDATABASE_POOL_SIZE=3\n", encoding="utf-8")

    assert Settings().app_name == "From a file"


def test_the_environment_wins_over_the_dotenv_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PORT=1111\n", encoding="utf-8")
    monkeypatch.setenv("PORT", "2222")

    assert Settings().port == 2222


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PORT", "99999", "PORT is '99999'; it must be a number from 0 to 65535."),
        ("PORT", "web", "PORT is 'web'; it must be a number from 0 to 65535."),
        (
            "JWT_ACCESS_TOKEN_EXPIRE_MINUTES",
            "0",
            "JWT_ACCESS_TOKEN_EXPIRE_MINUTES is '0'; it must be a number from 1 to 1440.",
        ),
        (
            "JWT_ACCESS_TOKEN_EXPIRE_MINUTES",
            "a week",
            "JWT_ACCESS_TOKEN_EXPIRE_MINUTES is 'a week'; it must be a number from 1 to 1440.",
        ),
        (
            "JWT_ACCESS_TOKEN_EXPIRE_MINUTES",
            "10080",
            (
                "JWT_ACCESS_TOKEN_EXPIRE_MINUTES is '10080'; it must be at most 1440, because "
                "neither a logout nor a new password ends an access token. For a login of that "
                "length set JWT_REFRESH_TOKEN_EXPIRE_MINUTES=10080 in its place; POST "
                "/api/auth/refresh then gives the next access token."
            ),
        ),
        (
            "JWT_ALGORITHM",
            "none",
            "JWT_ALGORITHM is 'none'; it must be one of HS256, HS384, HS512.",
        ),
        (
            "APP_ENV",
            "prod",
            "APP_ENV is 'prod'; it must be one of development, production.",
        ),
        ("DEBUG", "perhaps", "DEBUG is 'perhaps'; it must be true or false."),
        (
            "CORS_ORIGINS",
            "https://a.example/",
            (
                "CORS_ORIGINS is 'https://a.example/'; 'https://a.example/' is not an origin; "
                "write scheme, host and port without a path, such as https://app.example.com."
            ),
        ),
        (
            "CORS_ORIGINS",
            '["https://a.example"',
            "CORS_ORIGINS is '[\"https://a.example\"'; it starts with '[' but is not a JSON list.",
        ),
        (
            "LOGIN_ATTEMPTS_PER_ACCOUNT",
            "ten",
            (
                "LOGIN_ATTEMPTS_PER_ACCOUNT is 'ten'; "
                "it must read like '10 per 15 minutes' or '100/hour'."
            ),
        ),
    ],
)
def test_a_setting_out_of_range_is_refused_with_name_value_and_range(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    assert refusal(monkeypatch, **{variable: value}) == message


def test_every_fault_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, PORT="-1", DEBUG="maybe")

    assert sorted(line.split()[0] for line in message.splitlines()) == ["DEBUG", "PORT"]


def test_a_dotenv_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("APP_NAME=Tåsks".encode("latin-1"))

    with pytest.raises(SettingsError, match=r"\.env .* is not UTF-8 text"):
        Settings()


def test_an_unknown_keyword_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError, match=r"no field 'app_nam'\. Did you mean app_name\?"):
        Settings(app_nam="Errands")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, (True, 10, True)),
        ({"DATABASE_SERVER_TIMING": "false"}, (False, 10, True)),
        ({"DATABASE_REPEATED_QUERY_THRESHOLD": "none"}, (True, None, True)),
        ({"DATABASE_LIVE_PAGE": "false"}, (True, 10, False)),
        ({"APP_ENV": "production", "JWT_SECRET_KEY": KEY}, (False, None, False)),
    ],
)
def test_requests_show_what_they_do_in_development(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: tuple[object, ...]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@localhost/db")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    settings = Settings().database()

    assert expected == (
        settings.server_timing, settings.repeated_query_threshold, settings.live_page
    )  # fmt: skip


def test_in_production_the_live_page_needs_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@localhost/db")
    monkeypatch.setenv("DATABASE_LIVE_PAGE", "true")
    settings = Settings(app_env="production", jwt_secret_key=KEY)

    with pytest.raises(SettingsError, match="set DATABASE_LIVE_PAGE_TOKEN alone"):
        settings.database()


def test_the_database_is_not_given_by_these_settings() -> None:
    with pytest.raises(SettingsError, match="Settings has no field 'database_url'"):
        Settings(database_url="postgresql://u:p@localhost/scratch")


def test_postgresql_knows_the_application_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@localhost/d")
    by_itself = Settings(app_name="Ümlaut " * 10).database()
    monkeypatch.setenv("DATABASE_APPLICATION_NAME", "till")

    assert by_itself.effective_application_name == "Ümlaut " * 7 + "Ümlaut"
    assert Settings().database().effective_application_name == "till"
