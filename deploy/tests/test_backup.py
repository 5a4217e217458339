"""The service `backup` of `compose.yaml` takes a backup of the running stack, and restores it."""

import os
from pathlib import Path
from subprocess import CompletedProcess

import httpx2

from deploy.tests.engine import Compose, until

WHO = {"email": "backed-up@example.com", "password": "correct horse battery staple"}
FORM = {"username": WHO["email"], "password": WHO["password"]}


def test_a_backup_of_the_running_stack_is_restored(
    stack: Compose, client: httpx2.Client, tmp_path: Path
) -> None:
    def backup(*command: str) -> CompletedProcess[str]:
        return stack(
            "run", "--rm", "-T", "backup", *command,
            BACKUPS_DIR=str(tmp_path), BACKUPS_USER=str(os.getuid()),
        )  # fmt: skip

    client.post("/api/auth/register", json=WHO).raise_for_status()
    backup()
    [file] = tmp_path.glob("todo-*.backup")
    stack.sql("DELETE FROM users")

    stack("stop", "api")
    backup("todo", "restore", "--replace", file.name)
    stack("start", "api")

    until(lambda: stack.state("api")["Health"]["Status"] == "healthy", "the API is healthy")
    client.post("/api/auth/login", data=FORM).raise_for_status()
