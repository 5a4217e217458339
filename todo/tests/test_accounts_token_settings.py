"""The secrets that sign tokens, and how long these last: what is read, and what is refused."""

import json
from pathlib import Path

import pytest
from refused_settings import refusal
from staged import KEY

from todo.settings import Settings

OTHER_KEY = KEY[::-1]


def test_a_session_of_seven_days_comes_from_the_refresh_token() -> None:
    settings = Settings()

    assert settings.access_lifetime.total_seconds() == 15 * 60
    assert settings.refresh_lifetime.days == 7


def test_a_refresh_token_must_outlive_an_access_token(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(
        monkeypatch,
        JWT_ACCESS_TOKEN_EXPIRE_MINUTES="60",
        JWT_REFRESH_TOKEN_EXPIRE_MINUTES="60",
    )

    assert message.startswith("JWT_REFRESH_TOKEN_EXPIRE_MINUTES is 60; it must be more than")


def test_production_refuses_to_start_without_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, APP_ENV="production")

    assert message.startswith("JWT_SECRET_KEY is missing, and APP_ENV is production")


def test_an_empty_secret_is_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, APP_ENV="production", JWT_SECRET_KEY="")

    assert message.startswith("JWT_SECRET_KEY is missing")


@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("0123456789abcdefghijklmnopqrstu", "JWT_SECRET_KEY has 31 bytes; HS256 needs at least 32"),
        ("ab" * 32, "JWT_SECRET_KEY has only 2 distinct characters"),
        ("changethis-0123456789abcdefghijklmnop", "JWT_SECRET_KEY is a placeholder"),
        ("Your-Super-Secret-Key-0123456789abcdef", "JWT_SECRET_KEY is a placeholder"),
    ],
)
def test_a_weak_secret_is_refused_everywhere(
    monkeypatch: pytest.MonkeyPatch, environment: str, key: str, fault: str
) -> None:
    message = refusal(monkeypatch, APP_ENV=environment, JWT_SECRET_KEY=key)

    assert message.startswith(fault)
    assert key not in message


def test_a_longer_digest_needs_a_longer_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, JWT_ALGORITHM="HS512", JWT_SECRET_KEY=KEY)

    assert message.startswith(f"JWT_SECRET_KEY has {len(KEY)} bytes; HS512 needs at least 64")


def test_a_hexadecimal_secret_of_32_digits_is_strong_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "9f86d081884c7d659a2feaa0c55ad015")

    assert Settings().jwt_secret_key is not None


def test_no_secret_shows_in_the_representation() -> None:
    settings = Settings(jwt_secret_key=KEY)

    assert KEY not in repr(settings)
    assert KEY not in json.dumps(settings.model_dump(mode="json"))


def test_the_secret_is_read_from_the_file_that_a_variable_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    monkeypatch.setenv("JWT_SECRET_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("APP_ENV", "production")
    settings = Settings()

    assert settings.jwt_secret_key is not None
    assert settings.jwt_secret_key.get_secret_value() == KEY


def test_a_weak_secret_is_refused_from_a_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("short")

    assert refusal(monkeypatch, JWT_SECRET_KEY_FILE=str(tmp_path / "key")).startswith(
        "JWT_SECRET_KEY has 5 bytes; HS256 needs at least 32; "
    )


@pytest.mark.parametrize(
    "value", [f"{KEY}, {OTHER_KEY}", f'["{KEY}", "{OTHER_KEY}"]', f" {KEY} ,{OTHER_KEY},"]
)
def test_previous_secrets_are_a_list(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("JWT_PREVIOUS_SECRET_KEYS", value)

    assert Settings().previous_keys == (KEY, OTHER_KEY)


def test_previous_secrets_are_read_from_a_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys").write_text(f"{KEY},{OTHER_KEY}\n")
    monkeypatch.setenv("JWT_PREVIOUS_SECRET_KEYS_FILE", str(tmp_path / "keys"))

    assert Settings().previous_keys == (KEY, OTHER_KEY)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("short-but-distinct", "has 18 bytes; HS256 needs at least 32"),
        ("ab" * 32, "has only 2 distinct characters"),
        ("changethis-0123456789abcdefghijklmnop", "is a placeholder"),
    ],
)
def test_a_weak_previous_secret_is_refused_by_its_number_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, key: str, reason: str
) -> None:
    message = refusal(
        monkeypatch, JWT_SECRET_KEY=KEY, JWT_PREVIOUS_SECRET_KEYS=f"{OTHER_KEY},{key}"
    )

    assert message.startswith(f"Number 2 of JWT_PREVIOUS_SECRET_KEYS {reason}")
    assert key not in message


def test_a_list_of_secrets_that_cannot_be_read_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = refusal(monkeypatch, JWT_PREVIOUS_SECRET_KEYS=f"[{KEY}")

    assert message.startswith("JWT_PREVIOUS_SECRET_KEYS is (hidden); ")
    assert KEY not in message


def test_no_previous_secret_shows_in_the_representation() -> None:
    settings = Settings(jwt_previous_secret_keys=[KEY])

    assert KEY not in repr(settings)
    assert KEY not in json.dumps(settings.model_dump(mode="json"))
