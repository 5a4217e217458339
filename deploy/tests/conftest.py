"""What the checks of the containers share: the running stack, and the list of what was checked."""

import os
import secrets
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx2
import pytest

from deploy.tests.engine import ROOT, SECONDS, Compose, until


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was checked, a line for each."""
    terminalreporter.section("checked from outside")
    for report in terminalreporter.getreports("passed"):
        if isinstance(report, pytest.TestReport) and report.when == "call":
            name = report.nodeid.partition("::test_")[2]
            terminalreporter.line(f"  [x] {name.replace('_', ' ')}")


def free_address() -> str:
    """An address of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture(scope="session")
def secrets_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The secrets, as `scripts/secrets` makes them."""
    directory = tmp_path_factory.mktemp("secrets")
    subprocess.run(
        [ROOT / "scripts" / "secrets"],
        env={"PATH": os.environ["PATH"], "SECRETS_DIR": str(directory)},
        check=True,
    )
    return directory


@pytest.fixture(scope="session")
def variables(secrets_directory: Path) -> Mapping[str, str]:
    """What `compose.yaml` takes from the environment."""
    return {"SECRETS_DIR": str(secrets_directory), "API_ADDRESS": free_address()}


@pytest.fixture(scope="session")
def stack(variables: Mapping[str, str]) -> Iterator[Compose]:
    """`compose.yaml` with its profile, migrated and serving."""
    project = f"wellhead-check-{secrets.token_hex(3)}"
    compose = Compose("compose.yaml", project=project, variables=variables)
    try:
        compose("up", "--detach", "--no-build")
        until(lambda: compose.state("api")["Health"]["Status"] == "healthy", "the API is healthy")
        yield compose
    finally:
        compose.down()


@pytest.fixture
def client(stack: Compose, variables: Mapping[str, str]) -> Iterator[httpx2.Client]:
    """A client outside of the containers."""
    del stack
    address = f"http://{variables['API_ADDRESS']}"
    with httpx2.Client(base_url=address, timeout=SECONDS) as client:
        yield client
