"""The images: what they hold, what they lack, and what they tell."""

import os
import re

import pytest

from deploy.tests.engine import docker, images, inspect
from tests.docs.pages import page

TOLERANCE = 15
"""Megabytes by which the stated size may be wrong: wheels differ between Pythons."""


def inside(image: str, script: str) -> str:
    """What a script prints in a fresh container, as strict as `compose.yaml` makes it."""
    return docker(
        "run", "--rm", "--read-only", "--network=none", "--cap-drop=ALL", "--entrypoint=sh",
        image, "-c", script,
    ).stdout.strip()  # fmt: skip


@pytest.fixture(params=["runtime", "migrate"])
def image(request: pytest.FixtureRequest) -> str:
    """Both images that are deployed, in turn."""
    return images()[["runtime", "migrate"].index(request.param)]


def test_the_user_is_not_root(image: str) -> None:
    assert inspect(image)["Config"]["User"] == "10001:10001"
    assert inside(image, "id -u; id -g").split() == ["10001", "10001"]


def test_there_is_no_pip_and_nothing_that_installs_one(image: str) -> None:
    found = inside(
        image,
        "find / -xdev '(' -name 'pip' -o -name 'pip[0-9.]*' -o -name 'pip-*' -o -name ensurepip "
        "-o -name 'uv' ')' -not -path '/proc/*' 2>/dev/null; "
        'for name in pip ensurepip setuptools; do python -c "import $name" 2>/dev/null && '
        "echo $name; done; true",
    )

    assert found == ""


def test_there_is_no_compiler(image: str) -> None:
    found = inside(
        image, "for name in cc gcc g++ c++ clang tcc make ld; do command -v $name; done; true"
    )

    assert found == ""


def test_there_is_no_database_server(image: str) -> None:
    found = inside(image, "find / -xdev -name 'initdb*' -not -path '/proc/*' 2>/dev/null; true")

    assert found == ""


def test_the_application_cannot_change_its_own_code(image: str) -> None:
    found = inside(image, "find /opt/venv /app ! -type l -writable; true")

    assert found == ""


def test_it_is_compiled_in_advance(image: str) -> None:
    compiled = inside(image, "find /opt/venv -path '*/todo/__pycache__/main.*.pyc' | wc -l")

    assert compiled == "1"


def test_all_requirements_are_met(image: str) -> None:
    program = (
        "import importlib.metadata as m; from importlib import import_module as i; "
        "[i(n) for n in ('todo.main', 'todo.cli', 'wellhead')]; "
        "print(m.version('wellhead'), m.version('wellhead-todo'))"
    )

    assert re.fullmatch(r"\S+ \S+", inside(image, f'python -c "{program}"'))


def test_the_labels_tell_what_it_is(image: str) -> None:
    labels = inspect(image)["Config"]["Labels"]
    prefix = "org.opencontainers.image."

    assert {name.removeprefix(prefix) for name in labels} >= {
        "title", "description", "licenses", "version", "revision", "created", "source", "base.name",
    }  # fmt: skip
    assert labels[f"{prefix}base.name"] == os.environ.get(
        "PYTHON_IMAGE", "docker.io/library/python:3.12-slim"
    )


def test_no_secret_is_in_the_image_or_in_its_history(image: str) -> None:
    told = docker("history", "--no-trunc", image).stdout + str(inspect(image)["Config"])

    assert not re.search(r"postgres(ql)?://|JWT_SECRET_KEY|PASSWORD|PIP_|pip\.conf:", told)


def test_the_server_is_process_one_without_a_shell() -> None:
    config = inspect(images()[0])["Config"]

    assert config["Cmd"] == ["todo", "serve"]
    assert not config.get("Entrypoint")


def test_the_health_check_needs_no_curl_and_no_shell() -> None:
    assert inspect(images()[0])["Config"]["Healthcheck"]["Test"] == [
        "CMD", "python", "-I", "-m", "todo.healthcheck",
    ]  # fmt: skip
    assert inside(images()[0], "command -v curl wget; true") == ""


def test_the_application_adds_its_stated_size() -> None:
    stated = re.search(r"adds (\d+) MB", page("how-to/docker.md").text)
    layers = docker(
        "history", "--no-trunc", "--human=false", "--format={{.Size}} {{.CreatedBy}}", images()[0]
    ).stdout.splitlines()
    added = [int(layer.split()[0]) for layer in layers if "COPY /opt/venv " in layer]

    assert stated
    assert abs(sum(added) / 1_000_000 - int(stated[1])) < TOLERANCE


def test_without_settings_it_ends_with_one_sentence() -> None:
    done = docker("run", "--rm", "--read-only", "--network=none", images()[0], check=False)

    assert done.returncode == 1
    assert "JWT_SECRET_KEY is missing, and APP_ENV is production" in done.stderr
    assert "Traceback" not in done.stderr
