"""Which directory has the data, and what is said where there are several."""

import logging
from pathlib import Path

import pytest

from todo.data_dir import DATABASE, announce_use, known_directories
from todo.provisioning import provided_database
from todo.settings import Settings
from wellhead import EmbeddedVersionError

pytestmark = pytest.mark.usefixtures("_all_is_logged")


@pytest.fixture
def _all_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "todo.data_dir")


def used(data_dir: Path) -> Path:
    """A directory in which there is a database since its first use."""
    announce_use(data_dir)
    (data_dir / DATABASE).mkdir(parents=True)
    return data_dir


def test_the_place_of_a_first_database_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    used(tmp_path / "one")

    assert caplog.record_tuples == [
        ("todo.data_dir", logging.WARNING, f"a new, empty database is created in {tmp_path}/one")
    ]


def test_it_is_told_again_at_each_use(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    used(tmp_path / "one")
    caplog.clear()

    announce_use(tmp_path / "one")

    assert caplog.messages == [f"the data is in {tmp_path}/one"]


def test_a_second_one_is_warned_about_with_the_way_to_the_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    used(tmp_path / "one")
    caplog.clear()

    announce_use(tmp_path / "two")

    [line] = caplog.records
    assert line.levelno == logging.WARNING
    assert line.getMessage() == (
        f"a new, empty database is created in {tmp_path}/two. You have data in {tmp_path}/one: to "
        f"use it, stop, and set DATA_DIR={tmp_path}/one"
    )


def test_so_is_one_below_the_first_even_if_that_was_never_noted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".wellhead" / DATABASE).mkdir(parents=True)

    announce_use(tmp_path / "todo" / "src" / ".wellhead")

    assert f"You have data in {tmp_path}/.wellhead: " in caplog.text


def test_one_that_was_removed_is_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (used(tmp_path / "one") / DATABASE).rmdir()
    caplog.clear()

    announce_use(tmp_path / "two")

    assert caplog.messages == [f"a new, empty database is created in {tmp_path}/two"]
    assert known_directories() == []


def test_the_last_one_comes_first(tmp_path: Path) -> None:
    one, two = used(tmp_path / "one"), used(tmp_path / "two")
    announce_use(one)

    assert known_directories() == [one, two]


@pytest.mark.parametrize("content", [b"\xff", b"\0\n"])
def test_a_damaged_memory_is_none(tmp_path: Path, content: bytes) -> None:
    memory = tmp_path / "state" / "wellhead-todo" / "data-directories"
    memory.parent.mkdir(parents=True)
    memory.write_bytes(content)

    announce_use(tmp_path / "one")


def test_without_a_place_to_remember_nothing_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    used(tmp_path / "one")

    assert known_directories() == []


def test_data_of_another_postgresql_is_refused_with_the_commands_that_carry_it_over(
    public_directory: Path,
) -> None:
    settings = Settings(data_dir=public_directory / "of another")
    with provided_database(settings):
        pass
    version = settings.data_dir / DATABASE / "pgdata" / "PG_VERSION"
    made_by = version.read_text()
    version.write_text("9\n")

    with pytest.raises(EmbeddedVersionError) as refused, provided_database(settings):
        pytest.fail("it was started")

    place = settings.data_dir / DATABASE
    assert str(refused.value).startswith(f"{place} contains data of PostgreSQL 9, but the programs")
    assert str(refused.value).partition("\n")[2] == (
        "To carry the data over, run this with the Python that was used before "
        "(PostgreSQL 17 comes with Python 3.11, and 18 with 3.12 and newer):\n"
        "  todo backup todo.backup\n"
        "and then, with this one:\n"
        f"  mv '{place}' '{place}-before'\n"
        "  todo restore todo.backup"
    )
    version.write_text(made_by)
