"""`compose.neon.yaml`, on a pooler and a server that stand where Neon's would."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.tests.conftest import free_address
from deploy.tests.engine import Compose, inspect, until


@pytest.fixture(scope="module", params=["variables", "files"])
def neon(
    stack: Compose, secrets_directory: Path, request: pytest.FixtureRequest
) -> Iterator[Compose]:
    """The variant, migrated and serving; `stack` has the database that it is to use."""
    sources = {
        "NEON_POOLED_URL": secrets_directory / "database_url",
        "NEON_DIRECT_URL": secrets_directory / "database_url_direct",
        "JWT_SECRET_KEY": secrets_directory / "jwt_secret_key",
    }
    variables = {
        f"{name}_FILE" if request.param == "files" else name: (
            str(path) if request.param == "files" else path.read_text().strip()
        )
        for name, path in sources.items()
    }
    compose = Compose(
        "compose.neon.yaml",
        "deploy/tests/neon-network.yaml",
        project=f"{stack.project}-neon-{request.param}",
        variables={
            **variables,
            "API_ADDRESS": free_address(),
            "DATABASE_NETWORK": f"{stack.project}_database",
        },
    )
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


def test_a_secret_shows_in_inspect_only_when_it_was_given_as_a_variable(
    neon: Compose, secrets_directory: Path
) -> None:
    key = (secrets_directory / "jwt_secret_key").read_text().strip()

    assert (key in json.dumps(inspect(neon.container("api")))) == ("variables" in neon.project)
