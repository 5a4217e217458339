"""The files themselves: read by the tools that know them, without any engine."""

import json
import shutil
import stat
from pathlib import Path

import pytest

from deploy.tests.engine import ROOT, Compose, run

DOCKERFILES = ("Dockerfile", "deploy/pgbouncer/Dockerfile", "deploy/debian/Dockerfile")
NEON = {
    "NEON_POOLED_URL": "postgresql://me:word@ep-cool-1-pooler.c-2.eu-central-1.aws.neon.tech/db",
    "NEON_DIRECT_URL": "postgresql://me:word@ep-cool-1.c-2.eu-central-1.aws.neon.tech/db",
    "JWT_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-neon",
}


@pytest.mark.parametrize("path", DOCKERFILES)
def test_hadolint_finds_nothing(path: str) -> None:
    hadolint = shutil.which("hadolint")
    assert hadolint

    assert run(hadolint, "--no-color", path, check=False).stdout == ""


def test_the_neon_variant_starts_no_database() -> None:
    config = Compose("compose.neon.yaml", project="neon", variables=NEON).config()

    assert set(config["services"]) == {"api", "migrate"}


def test_the_neon_variant_serves_pooled_and_migrates_direct() -> None:
    services = Compose("compose.neon.yaml", project="neon", variables=NEON).config()["services"]

    assert services["api"]["environment"]["DATABASE_URL"] == NEON["NEON_POOLED_URL"]
    assert services["migrate"]["environment"]["DATABASE_URL"] == NEON["NEON_DIRECT_URL"]


def test_the_neon_variant_takes_files_as_well() -> None:
    files = {f"{name}_FILE": f"/somewhere/{name.lower()}" for name in NEON}
    config = Compose("compose.neon.yaml", project="neon", variables=files).config()
    api = config["services"]["api"]["environment"]

    assert api["DATABASE_URL_FILE"] == "/run/secrets/pooled_url"
    assert config["secrets"]["pooled_url"]["file"] == "/somewhere/neon_pooled_url"
    assert not api["DATABASE_URL"]
    assert not api["JWT_SECRET_KEY"]


@pytest.mark.parametrize("missing", sorted(NEON))
def test_the_neon_variant_refuses_to_start_without(missing: str) -> None:
    given = {**NEON, missing: ""}
    done = Compose("compose.neon.yaml", project="neon", variables=given)("config", check=False)

    assert done.returncode != 0
    assert missing in done.stderr


@pytest.mark.parametrize("file", ["compose.yaml", "compose.test.yaml"])
def test_every_image_is_pinned_to_a_version_or_built_here(file: str) -> None:
    services = Compose(file, project="check", variables={}).config()["services"]
    foreign = {service["image"] for service in services.values() if "build" not in service}

    assert all(not image.endswith(":latest") and ":" in image for image in foreign)


def test_secrets_are_made_once_and_out_of_reach(secrets_directory: Path) -> None:
    before = {path.name: path.read_text() for path in secrets_directory.iterdir()}
    run(ROOT / "scripts" / "secrets", SECRETS_DIR=str(secrets_directory))

    assert {path.name: path.read_text() for path in secrets_directory.iterdir()} == before
    assert stat.S_IMODE(secrets_directory.stat().st_mode) == 0o700
    assert len(set(before.values())) == len(before) == 4


def test_no_secret_reaches_a_build() -> None:
    kept_out = {"secrets", ".env", ".git", ".venv", ".wellhead"}
    patterns = (ROOT / ".dockerignore").read_text().splitlines()

    assert "*" in patterns
    assert not kept_out & {pattern.removeprefix("!") for pattern in patterns if pattern[:1] == "!"}


def test_the_health_checks_ask_no_database(secrets_directory: Path) -> None:
    config = Compose(
        "compose.yaml", project="check", variables={"SECRETS_DIR": str(secrets_directory)}
    ).config()
    texts = json.dumps([service.get("healthcheck") for service in config["services"].values()])

    assert "psql" not in texts
    assert "curl" not in texts
    assert "SELECT" not in texts
