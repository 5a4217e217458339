"""The container engine and Compose, as their commands; `scripts/containers` sets the variables."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CLIENT = os.environ.get("DOCKER", "docker")
SECONDS = 120
"""How long anything here may take before the check fails."""


def run(
    *command: str | Path, check: bool = True, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in the checkout; its output is text, errors apart."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=5 * SECONDS,
        check=False,
    )
    if check:
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def docker(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command of the engine."""
    return run(CLIENT, *arguments, check=check)


def inspect(name: str) -> dict[str, Any]:
    """All that the engine tells about a container or an image."""
    (found,) = json.loads(docker("inspect", name).stdout)
    return dict(found)


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait until something is so; it fails in the end."""
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end, f"still not so after {SECONDS} s: {what}"
        time.sleep(0.1)


class Compose:
    """The services of some Compose files, under a project name of their own.

    Args:
        files: The files, in the checkout.
        project: The project's name: containers of the same files under another stay untouched.
        variables: What the files take from the environment.
    """

    def __init__(self, *files: str, project: str, variables: Mapping[str, str]) -> None:
        command: list[str] = [shutil.which("docker-compose") or "docker-compose"]
        for file in files:
            command += ["--file", file]
        self._command = [*command, "--project-name", project, "--profile", "migrate"]
        self._variables = variables
        self.project = project

    def __call__(
        self, *arguments: str, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of Compose."""
        variables = {**self._variables, **variables}
        return run(*self._command, *arguments, check=check, **variables)

    def config(self) -> dict[str, Any]:
        """The files, read and filled in."""
        return dict(json.loads(self("config", "--format", "json").stdout))

    def container(self, service: str) -> str:
        """The container's name of a service."""
        return f"{self.project}-{service}-1"

    def state(self, service: str) -> dict[str, Any]:
        """How a service's container fares: its `Status`, `ExitCode` and `Health`."""
        return dict(inspect(self.container(service))["State"])

    def inside(self, service: str, *command: str, check: bool = True) -> str:
        """Run a command in a service's container; returns what it printed, errors included."""
        done = docker("exec", self.container(service), *command, check=check)
        return done.stdout + done.stderr

    def sql(self, statement: str, *, database: str = "todo") -> str:
        """The rows of a statement, asked in the container of the database."""
        command = ["psql", "-U", "todo", "-d", database, "-AtXqc", statement]
        return self.inside("db", *command).strip()

    def logs(self, service: str) -> str:
        """What a service has said so far."""
        done = docker("logs", self.container(service))
        return done.stdout + done.stderr

    def down(self) -> None:
        """Remove the containers, their networks and their data."""
        self("down", "--volumes", "--remove-orphans", "--timeout", "5")


def images() -> Sequence[str]:
    """The images of the application: what serves, and what migrates."""
    return os.environ["API_IMAGE"], os.environ["MIGRATE_IMAGE"]
