"""The commands that docs/how-to/docker.md shows, typed as it shows them."""

import os
import secrets
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from deploy.tests.conftest import free_address
from deploy.tests.engine import CLIENT, ROOT, Compose, docker, run, until

PAGE = (ROOT / "docs" / "how-to" / "docker.md").read_text(encoding="utf-8")
MIGRATE = "docker compose --profile migrate up migrate"
SERVE = "docker compose --profile migrate up --detach"
AGAIN = "docker compose --profile migrate run --rm migrate"

VERSION = "SELECT xmin, version_num FROM alembic_version"


@pytest.fixture
def project() -> str:
    return f"wellhead-typed-{secrets.token_hex(3)}"


@pytest.fixture
def variables(secrets_directory: Path, project: str, tmp_path: Path) -> Mapping[str, str]:
    """What a reader's shell has: `docker` with Compose as its plugin, and secrets."""
    programs, plugins = tmp_path / "bin", tmp_path / "config" / "cli-plugins"
    for directory, name, program in (
        (programs, "docker", CLIENT),
        (plugins, "docker-compose", "docker-compose"),
    ):
        directory.mkdir(parents=True)
        found = shutil.which(program)
        assert found, f"{program} is not installed"
        (directory / name).symlink_to(found)
    # Another configuration of the client has no context of its own.
    address = docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}").stdout
    return {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "DOCKER_CONFIG": str(plugins.parent),
        "DOCKER_HOST": address.strip(),
        "COMPOSE_PROJECT_NAME": project,
        "SECRETS_DIR": str(secrets_directory),
        "API_ADDRESS": free_address(),
    }


@pytest.fixture
def fresh(project: str, variables: Mapping[str, str]) -> Iterator[Compose]:
    """The services of `compose.yaml`, of which nothing has been started."""
    compose = Compose("compose.yaml", project=project, variables=variables)
    try:
        yield compose
    finally:
        compose.down()


@pytest.fixture
def typed(fresh: Compose, variables: Mapping[str, str]) -> Callable[[str], CompletedProcess[str]]:
    """Runs a line in the checkout, as a reader types it."""
    del fresh

    def run_line(line: str) -> CompletedProcess[str]:
        return run(*shlex.split(line), check=True, **variables)

    return run_line


@pytest.mark.parametrize("line", [MIGRATE, SERVE, AGAIN])
def test_the_page_shows_the_line(line: str) -> None:
    assert f"{line}\n" in PAGE or f"`{line}`" in PAGE


def test_up_migrate_migrates_an_empty_volume_and_up_then_serves(
    fresh: Compose, typed: Callable[[str], CompletedProcess[str]]
) -> None:
    typed(MIGRATE)
    assert fresh.state("migrate")["ExitCode"] == 0
    assert set(fresh("ps", "--all", "--services").stdout.split()) == {"db", "migrate"}
    before = fresh.sql(VERSION)

    typed(SERVE)
    until(lambda: fresh.state("api")["Health"]["Status"] == "healthy", "the API is healthy")
    typed(AGAIN)
    assert fresh.sql(VERSION) == before != ""
