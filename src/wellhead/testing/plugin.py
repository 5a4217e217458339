"""The fixtures and the mark."""

from collections.abc import Iterator
from typing import Any

import pytest

from wellhead.database import Database


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers",
        "wellhead(commit): commit=True lets the test commit for real, and makes the database again "
        "afterwards",
    )


@pytest.fixture(scope="session")
def wellhead_schema() -> Any:
    """What makes the schema: the folder of Alembic's scripts, or metadata; override it."""
    raise NotImplementedError


@pytest.fixture
def wellhead_url() -> Iterator[str]:
    """The URL of the test's database; whatever connects there joins the test's transaction."""
    raise NotImplementedError


@pytest.fixture
def wellhead_database() -> Database[Any]:
    """The application's database object; override it where the application has one of its own."""
    raise NotImplementedError


@pytest.fixture
def database(wellhead_database: Database[Any], wellhead_url: str) -> Iterator[Database[Any]]:
    """The application's database, which leads to the test's and opens at its first use."""
    raise NotImplementedError
