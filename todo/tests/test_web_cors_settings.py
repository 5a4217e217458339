"""Which origins may be set, and together with what."""

import pytest
from refused_settings import refusal

from todo.settings import Settings


def test_the_seeds_allow_two_local_origins_with_credentials() -> None:
    settings = Settings()

    assert settings.cors_origins is None
    assert settings.cors_allow_credentials
    assert settings.cors_allow_methods == settings.cors_allow_headers == ["*"]


def test_all_origins_with_credentials_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, CORS_ORIGINS="*")

    assert message.startswith("CORS_ORIGINS allows every origin ('*') while CORS_ALLOW_CREDENTIALS")


def test_all_origins_without_credentials_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "*")
    monkeypatch.setenv("CORS_ALLOW_CREDENTIALS", "false")

    assert Settings().cors_origins == ["*"]
