"""Where the migrations are: a directory, `alembic.ini` or `pyproject.toml`."""

from pathlib import Path

import pytest

from tests.staging.scripts import Scripts
from wellhead import DatabaseSettings, MigrationError
from wellhead.migrations import Migrations


@pytest.fixture
def settings(database_url: str) -> DatabaseSettings:
    return DatabaseSettings(url=database_url)


def test_alembic_ini_says_where_they_are(
    scripts: Scripts, settings: DatabaseSettings, tmp_path: Path
) -> None:
    location = str(scripts.directory).replace("%", "%%")
    (tmp_path / "alembic.ini").write_text(
        f"[alembic]\nscript_location = {location}\npath_separator = os\n"
    )

    assert Migrations(settings=settings).state().head == "0001"


def test_pyproject_says_where_they_are(settings: DatabaseSettings, tmp_path: Path) -> None:
    Scripts(tmp_path / "steps").add("0007", "...")
    (tmp_path / "pyproject.toml").write_text('[tool.alembic]\nscript_location = "%(here)s/steps"\n')

    assert Migrations(settings=settings).state().head == "0007"


def test_a_directory_that_is_named_wins_over_the_files(
    scripts: Scripts, settings: DatabaseSettings, tmp_path: Path
) -> None:
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = elsewhere\n")

    assert Migrations(scripts.directory, settings=settings).state().head == "0001"


@pytest.mark.parametrize(
    "files",
    [{}, {"pyproject.toml": "[project]\nname = 'x'\n"}, {"alembic.ini": "[alembic]\n"}],
    ids=["nothing", "pyproject", "ini"],
)
def test_where_nothing_says_it_the_error_names_the_places(
    files: dict[str, str], tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    with pytest.raises(MigrationError) as caught:
        Migrations()
    for part in (str(tmp_path), "alembic.ini", "[tool.alembic]", "--scripts"):
        assert part in str(caught.value)


def test_a_directory_without_env_py_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match=r"no env\.py"):
        Migrations(tmp_path)
