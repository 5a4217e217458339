"""`compose.neon.yaml`, on a pooler and a server that stand where Neon's would."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from deploy.tests.conftest import free_address
from deploy.tests.engine import Compose, inspect, until


@pytest.fixture(scope="module")
def neon(stack: Compose, secrets_directory: Path) -> Iterator[Compose]:
    """The variant, migrated and serving; `stack` has the database that it is to use."""
    words = {path.name: path.read_text().strip() for path in secrets_directory.iterdir()}
    variables: Mapping[str, str] = {
        "NEON_POOLED_URL": words["database_url"],
        "NEON_DIRECT_URL": words["database_url_direct"],
        "JWT_SECRET_KEY": words["jwt_secret_key"],
        "API_ADDRESS": free_address(),
        "DATABASE_NETWORK": f"{stack.project}_database",
    }
    compose = Compose(
        "compose.neon.yaml", "deploy/tests/neon-network.yaml",
        project=f"{stack.project}-neon", variables=variables,
    )  # fmt: skip
    try:
        compose("up", "--detach", "--no-build")
        until(lambda: compose.state("api")["Health"]["Status"] == "healthy", "it is healthy")
        yield compose
    finally:
        compose.down()


def test_it_migrates_and_then_serves_what_is_elsewhere(neon: Compose) -> None:
    assert neon.state("migrate")["ExitCode"] == 0
    assert neon.state("migrate")["FinishedAt"] < neon.state("api")["StartedAt"]
    assert "pgbouncer:6432" in neon.logs("api")
    assert "@db/" in neon.logs("migrate")


def test_it_runs_as_strictly(neon: Compose) -> None:
    host = inspect(neon.container("api"))["HostConfig"]

    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]


def test_its_log_shows_no_password(neon: Compose, secrets_directory: Path) -> None:
    password = (secrets_directory / "postgres_password").read_text().strip()

    assert password not in neon.logs("api") + neon.logs("migrate")
