"""What the scenarios of failure share."""

from pathlib import Path

import pytest

from bench.faults.todo_service import migrate
from tests.staging.neon import StoppedPostgres, prepare


@pytest.fixture(scope="session")
def todo_postgres(public_directory: Path) -> StoppedPostgres:
    """A PostgreSQL with the tables of the Todo API, for a staged Neon to start and stop."""
    return prepare(public_directory / "todo-compute", migrate)
