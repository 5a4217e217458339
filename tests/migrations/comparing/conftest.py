"""Models that change, and the migrations that follow them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.staging.scripts import Scripts
from wellhead import DatabaseSettings
from wellhead.migrations import Migrations


class Project:
    """Models, their migrations, and a database.

    Args:
        directory: For the migrations.
        url: The database's.
    """

    def __init__(self, directory: Path, url: str) -> None:
        self.url = url
        self.scripts = Scripts(directory)
        self.migrations = Migrations(directory, settings=DatabaseSettings(url=url))

    def follow(self, models: str, *, options: str = "") -> str:
        """Change the models, and write and run the migration that follows; return its code."""
        self.scripts.say(models, options=options)
        written = self.migrations.new("follow the models")
        assert written is not None
        self.migrations.upgrade()
        assert self.migrations.differences() == "", "what was written does not do it"
        return written.read_text()

    def go_and_come_back(self, before: str, after: str) -> str:
        """Follow both models, go back to the first, and forward again; return the second step."""
        self.follow(before)
        code = self.follow(after)
        self.migrations.downgrade("-1")
        newest = max((self.scripts.directory / "versions").glob("*.py"))
        aside = newest.rename(newest.with_suffix(".aside"))
        self.scripts.say(before)
        assert self.migrations.differences() == "", "it is not taken back"
        aside.rename(newest)
        self.scripts.say(after)
        self.migrations.upgrade()
        assert self.migrations.differences() == "", "it cannot be done again"
        self.migrations.downgrade("base")
        self.migrations.upgrade()
        return code


Cases = dict[str, tuple[str, str]]
"""Models before and after a change, by what the change is."""

# What cases may have under one name, and a schema may have once.
_NAMES = re.compile(r"""tank|pond|lake|class State|State\(|name=["'](state|level|e)["']|'ix'""")


def all_at_once(cases: Cases) -> tuple[str, str]:
    """The models of all cases, before and after, each with names of its own.

    A migration for each would take a minute, and none of them minds the others.
    """

    def renamed(models: str, number: int) -> str:
        return _NAMES.sub(
            lambda found: re.sub(r"(\w+)(\W*)$", rf"\g<1>{number}\2", found[0]), models
        )

    every = [
        tuple(renamed(models, number) for models in case)
        for number, case in enumerate(cases.values())
    ]
    return "".join(before for before, _ in every), "".join(after for _, after in every)


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Project:
    return Project(tmp_path / "scripts", database_url)


@pytest.fixture
def project_of(tmp_path: Path, database_url: str) -> Callable[[str], Project]:
    """A project that connects by a driver, such as ``postgresql+psycopg``."""

    def make(driver: str) -> Project:
        return Project(tmp_path / "scripts", database_url.replace("postgresql", driver, 1))

    return make
