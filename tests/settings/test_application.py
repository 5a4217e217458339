"""What a process is called where it is not told its name."""

import socket
import sys

import pytest

from wellhead import DatabaseSettings

URL = "postgresql://app:pw@db.example/shop"


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of a known name."""
    monkeypatch.setattr(socket, "gethostname", lambda: "web-1")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["/usr/bin/uvicorn", "--host", "127.0.0.1", "shop.main:app"], "shop.main@web-1"),
        (["/site-packages/uvicorn/__main__.py", "main:create_app()"], "main@web-1"),
        (["gunicorn", "-b", "127.0.0.1:8000", "shop:app.asgi"], "shop@web-1"),
        (["fastapi", "run", "shop.py"], "fastapi@web-1"),
        (["/srv/shop/worker.py", "--login", "user:password"], "worker@web-1"),
        (["/srv/shop/__main__.py"], "shop@web-1"),
        (["-c"], "python@web-1"),
        ([""], "python@web-1"),
        ([], "python@web-1"),
        (["x" * 80], "x" * 63),
        (["ü" * 40], "ü" * 31),
    ],
)
def test_the_program_and_the_machine_are_the_name(
    arguments: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", arguments)

    assert DatabaseSettings(url=URL).effective_application_name == name


def test_behind_a_pooler_all_machines_of_a_service_have_one_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["uvicorn", "shop.main:app"])

    pooled = DatabaseSettings(url=f"{URL}?pgbouncer=true")
    assert pooled.effective_application_name == "shop.main"


def test_a_name_that_is_given_wins() -> None:
    by_url = DatabaseSettings(url=f"{URL}?application_name=till")
    by_both = DatabaseSettings(url=f"{URL}?application_name=till", application_name="desk")

    assert by_url.effective_application_name == "till"
    assert by_both.effective_application_name == "desk"


def test_an_application_names_what_has_no_name() -> None:
    named = DatabaseSettings(url=URL).named("ü" * 40)

    assert named.effective_application_name == "ü" * 31
    assert named.named("other") is named
    assert DatabaseSettings(url=f"{URL}?application_name=a").named("b").application_name is None
