"""`compose.test.yaml`: the project's tests in a container, on PostgreSQL and through PgBouncer."""

import re
import secrets
from collections.abc import Iterator

import pytest

from deploy.tests.engine import Compose

# As much of each kind of test as shows that they run there: `make test` runs them all.
ON_POSTGRESQL = (
    "tests/pool/test_sqlalchemy.py",
    "tests/database/test_database.py",
    "tests/fastapi/test_dependencies.py",
    "todo/tests/test_tasks_listing.py",
)
THROUGH_PGBOUNCER = (
    "todo/tests/test_accounts_routes.py",
    "todo/tests/test_tags_routes.py",
)

SOME = 50
"""So many tests pass at least, or they were not found."""


@pytest.fixture(scope="module")
def tests() -> Iterator[Compose]:
    """The services of the test file; their databases lie in memory."""
    compose = Compose(
        "compose.test.yaml", project=f"wellhead-test-{secrets.token_hex(3)}", variables={}
    )
    try:
        yield compose
    finally:
        compose.down()


def passed(compose: Compose, service: str, *paths: str) -> int:
    """Run some of the tests in their service; returns how many passed."""
    side_by_side = ["--numprocesses", "2", "--dist", "loadfile"]
    command = ["pytest", "-q", "-p", "no:cacheprovider", *side_by_side, *paths]
    done = compose("run", "--rm", "--no-TTY", service, *command, check=False)
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
    found = re.search(r"(\d+) passed", done.stdout)
    assert found
    return int(found[1])


def test_the_tests_of_the_database_pass_in_a_container_on_postgresql(tests: Compose) -> None:
    assert passed(tests, "test", *ON_POSTGRESQL) > SOME


def test_the_applications_tests_pass_in_a_container_through_pgbouncer(tests: Compose) -> None:
    assert passed(tests, "test-pgbouncer", *THROUGH_PGBOUNCER) > SOME
