"""The manifests for Kubernetes fit the application: its routes, its settings and its times."""

import inspect
from typing import Any

import pytest
import yaml

from tests.docs.pages import ROOT
from todo.main import create_app
from todo.server import GRACE_SECONDS
from todo.settings import Settings
from wellhead import Database, DatabaseSettings
from wellhead.connecting.probing import PROBE_TIMEOUT

PROBES = {"startupProbe": "/health/startup", "readinessProbe": "/health/ready"} | {
    "livenessProbe": "/health/live"
}


MANIFESTS = ("todo.yaml", "migrate.yaml", "cleanup.yaml", "backup.yaml", "restore.yaml")


def test_every_manifest_is_checked() -> None:
    assert {path.name for path in (ROOT / "deploy" / "kubernetes").iterdir()} == set(MANIFESTS)


def documents(name: str) -> dict[str, dict[str, Any]]:
    text = (ROOT / "deploy" / "kubernetes" / name).read_text()
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def pod() -> dict[str, Any]:
    spec: dict[str, Any] = documents("todo.yaml")["Deployment"]["spec"]["template"]["spec"]
    return spec


@pytest.fixture(scope="module")
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (container,) = pod["containers"]
    assert isinstance(container, dict)
    return container


def container_of(name: str) -> dict[str, Any]:
    """The container of the one manifest in the file that has any."""
    specs = (each["spec"] for each in documents(name).values())
    jobs = (spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec for spec in specs)
    (pod,) = (job["template"]["spec"] for job in jobs if "template" in job)
    (container,) = pod["containers"]
    return dict(container)


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container["env"]}


def test_every_probe_asks_a_route_that_there_is(container: dict[str, Any]) -> None:
    database = Database(DatabaseSettings(url="postgresql://u:p@localhost/db"))
    app = create_app(Settings(jwt_secret_key="0123456789abcdefghijklmnopqrstuvwxyz"), database)

    asked = {name: container[name]["httpGet"]["path"] for name in PROBES}
    assert asked == PROBES
    assert set(asked.values()) <= set(app.openapi()["paths"])


def test_a_probe_waits_longer_than_the_question_to_the_database_takes(
    container: dict[str, Any],
) -> None:
    assert {name for name in PROBES if container[name]["timeoutSeconds"] <= PROBE_TIMEOUT} == set()


@pytest.mark.parametrize("name", MANIFESTS)
def test_every_variable_is_a_setting_and_has_a_value_that_it_takes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = variables(container_of(name))
    files = {f"{secret.upper()}_FILE" for secret in Settings.secret_fields}
    files |= {f"DATABASE_{secret.upper()}_FILE" for secret in DatabaseSettings.secret_fields}
    known = {field.upper() for field in Settings.model_fields} | files
    known |= {f"DATABASE_{field.upper()}" for field in DatabaseSettings.model_fields}

    assert given.keys() <= known
    for variable in given.keys() - files:
        monkeypatch.setenv(variable, given[variable])
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@localhost/db")
    Settings()
    DatabaseSettings()


def test_it_drains_for_longer_than_a_balancer_takes_to_notice(container: dict[str, Any]) -> None:
    probe = container["readinessProbe"]
    noticed = probe["periodSeconds"] * probe["failureThreshold"]

    assert float(variables(container)["DRAIN_SECONDS"]) > noticed


def test_it_is_killed_only_after_all_that_it_may_take_to_end(
    pod: dict[str, Any], container: dict[str, Any]
) -> None:
    closing = inspect.signature(Database.close).parameters["grace"].default
    takes = float(variables(container)["DRAIN_SECONDS"]) + GRACE_SECONDS + closing

    assert pod["terminationGracePeriodSeconds"] > takes
