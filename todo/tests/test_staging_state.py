"""The tests leave alone what programs remember for the user who runs them."""

import os
from pathlib import Path

import pytest

from tests.staging.state import PROGRAM, VARIABLE, kept_apart
from todo.data_dir import announce_use


@pytest.fixture(scope="module")
def of_module() -> str:
    """Where programs remember that a fixture of a whole module starts."""
    return os.environ[VARIABLE]


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state of a user."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "user"))
    return tmp_path / "user" / PROGRAM


def test_every_fixture_and_every_test_has_its_own(
    of_module: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert Path(of_module).is_relative_to(tmp_path_factory.getbasetemp())
    assert Path(os.environ[VARIABLE]).is_relative_to(tmp_path)


def test_what_is_remembered_meanwhile_is_not_the_users(users: Path, tmp_path: Path) -> None:
    with kept_apart(tmp_path / "tests", tmp_path):
        announce_use(tmp_path / "data")

    assert not users.exists()
    assert (tmp_path / "tests" / PROGRAM / "data-directories").exists()


def test_a_test_that_writes_to_the_users_is_found(
    users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write() -> None:
        with kept_apart(tmp_path / "tests", tmp_path / "work"):
            monkeypatch.setenv(VARIABLE, str(users.parent))
            announce_use(tmp_path / "work" / "data")

    with pytest.raises(AssertionError, match="has written to the user's own state"):
        write()


def test_the_user_may_go_on_working(
    users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with kept_apart(tmp_path / "tests", tmp_path / "work"):
        monkeypatch.setenv(VARIABLE, str(users.parent))
        announce_use(tmp_path / "home" / "data")

    assert users.exists()
