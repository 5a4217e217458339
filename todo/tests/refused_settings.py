"""What an environment that cannot be used is answered."""

import pytest

from todo.settings import Settings
from wellhead.errors import SettingsError


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """The sentences with which the settings refuse these variables."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        Settings()
    return str(caught.value)
