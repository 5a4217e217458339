"""Serving: the address, the database and the banner; real processes are in test_cli."""

import errno
import os
import signal
import socket
import threading
from pathlib import Path

import pytest
from fastapi import FastAPI
from staged import KEY

from todo.server import (
    AddressError,
    Serving,
    banner,
    linking_to,
    listen,
    provided_database,
    serve,
    served_app,
)
from todo.settings import Settings
from wellhead import ConfigurationError

pytestmark = pytest.mark.wellhead(commit=True)

SECONDS = 120


def serving(host: str = "127.0.0.1") -> Serving:
    return Serving(host=host, port=0, workers=1, reload=False)


def test_port_0_takes_a_free_port() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0


def test_a_client_is_kept_waiting_before_the_workers_are_up() -> None:
    with (
        listen("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname(), timeout=5) as connection,
    ):
        assert connection.getpeername() == listener.getsockname()


def test_answers_go_out_at_once_whichever_event_loop_serves() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_an_ipv6_address_can_be_listened_on() -> None:
    with listen("::1", 0) as listener:
        assert listener.family == socket.AF_INET6


def test_a_taken_port_is_told_in_one_sentence_with_the_way_out() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressError) as caught:
            listen("127.0.0.1", port)

    assert str(caught.value) == (
        f"Cannot listen on 127.0.0.1 port {port}: Address already in use. "
        "Stop the program that uses it, or choose another one with --port (or PORT)."
    )


def test_a_port_that_only_root_may_use_is_told_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    # Tests may run as root, and some kernels let everybody have any port.
    monkeypatch.setattr(socket.socket, "bind", refuse)

    with pytest.raises(AddressError) as caught:
        listen("127.0.0.1", 80)

    assert str(caught.value) == (
        "Cannot listen on 127.0.0.1 port 80: Permission denied. Ports below 1024 are for root. "
        "Choose --port 8000 (or PORT), and let a proxy in front, or Docker's "
        "--publish 80:8000, use the other one."
    )


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(AddressError, match=r"Cannot listen on 192\.0\.2\.1 port 0: .* --host "):
        listen("192.0.2.1", 0)


def test_a_host_that_is_none_is_refused() -> None:
    with pytest.raises(AddressError, match="Cannot listen on not a host: "):
        listen("not a host", 0)


def test_a_database_url_is_used_and_shown_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "postgresql://me:hidden@db.example/app"
    monkeypatch.setenv("DATABASE_URL", url)

    with provided_database(Settings()) as data:
        assert data.startswith("postgresql://me:***@db.example")
        assert os.environ["DATABASE_URL"] == url


def test_production_starts_no_database_of_its_own() -> None:
    settings = Settings(app_env="production", jwt_secret_key=KEY)

    with (
        pytest.raises(ConfigurationError, match="DATABASE_URL is missing"),
        provided_database(settings),
    ):
        pytest.fail("a database was provided")


def test_without_a_url_a_server_is_started_beside_its_data(
    public_directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(data_dir=public_directory / "served")
    caplog.set_level("INFO", "todo")

    with provided_database(settings) as data:
        assert str(public_directory / "served" / "postgres") in data
        assert os.environ["DATABASE_URL"].startswith("postgresql://wellhead:")
        assert caplog.messages == [f"a new, empty database is created in {settings.data_dir}"]
    assert "DATABASE_URL" not in os.environ


@pytest.mark.parametrize("place", [".env", "environment"])
def test_no_server_is_started_beside_a_direct_url_of_another_database(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://prod:hidden@db.example/app"
    if place == ".env":
        Path(".env").write_text(f"DATABASE_URL_DIRECT={url}\n")
    else:
        monkeypatch.setenv("DATABASE_URL_DIRECT", url)

    with (
        pytest.raises(ConfigurationError, match="DATABASE_URL_DIRECT is set, but DATABASE_URL is"),
        provided_database(Settings()),
    ):
        pytest.fail("a database was provided")


def test_a_database_in_parts_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "db.example", "NAME": "app", "PASSWORD": "hidden"}.items():
        monkeypatch.setenv(f"DATABASE_{name}", value)

    with provided_database(Settings()) as data:
        assert data.startswith("postgresql://:***@db.example/app")


def test_the_banner_says_where_it_is_and_what_to_do_first() -> None:
    with listen("127.0.0.1", 0) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        text = banner(Settings(), serving(), listener, "in a folder")

    assert f"  Address  {address}  (try it: {address}/docs)" in text
    assert "  Data     in a folder" in text
    assert f"  curl -s {address}/api/auth/register" in text
    assert "development set-up" not in text


def test_the_banner_writes_ipv6_in_brackets() -> None:
    with listen("::1", 0) as listener:
        port = listener.getsockname()[1]
        text = banner(Settings(), serving("::1"), listener, "data")

    assert f"http://[::1]:{port}" in text


def test_mails_of_a_development_set_up_link_to_the_server_itself() -> None:
    with linking_to("http://127.0.0.1:8123", Settings()):
        linked = Settings().public_url

    assert linked == "http://127.0.0.1:8123"
    assert Settings().public_url is None


@pytest.mark.parametrize(
    "configured",
    [
        {"public_url": "https://todo.example.com"},
        {"app_env": "production", "jwt_secret_key": KEY},
    ],
)
def test_mails_link_to_no_address_of_this_machine_otherwise(configured: dict[str, str]) -> None:
    with linking_to("http://127.0.0.1:8123", Settings.model_validate(configured)):
        assert "PUBLIC_URL" not in os.environ


def test_whoever_lets_everybody_in_is_told_what_production_needs() -> None:
    with listen("127.0.0.1", 0) as listener:
        text = banner(Settings(), serving("0.0.0.0"), listener, "data")  # noqa: S104 - not bound

    assert "http://127.0.0.1:" in text
    assert "Set APP_ENV=production, DATABASE_URL and JWT_SECRET_KEY." in text


def test_production_is_not_told_about_production() -> None:
    settings = Settings(app_env="production", jwt_secret_key=KEY)
    with listen("127.0.0.1", 0) as listener:
        text = banner(settings, serving("0.0.0.0"), listener, "data")  # noqa: S104 - not bound

    assert "development set-up" not in text


@pytest.mark.usefixtures("_loggers_are_put_back")
def test_a_worker_makes_the_application_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@localhost/d")
    monkeypatch.setenv("JWT_SECRET_KEY", KEY)

    assert isinstance(served_app(), FastAPI)


class Finalized:
    """An object whose finalizer a signal interrupts: what the signal raises there is dropped."""

    def __init__(self, how: signal.Signals) -> None:
        self._how = how

    def __del__(self) -> None:
        signal.raise_signal(self._how)


@pytest.mark.usefixtures("_loggers_are_put_back")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_server_is_up_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, wellhead_url: str, how: signal.Signals
) -> None:
    monkeypatch.setenv("DATABASE_URL", wellhead_url)
    monkeypatch.setenv("JWT_SECRET_KEY", KEY)
    before = signal.getsignal(how)

    def announce() -> None:
        Finalized(how)

    again = threading.Timer(SECONDS, os.kill, [os.getpid(), signal.SIGINT])
    again.start()
    with listen("127.0.0.1", 0) as listener:
        assert serve(serving(), listener, announce=announce)

    assert again.is_alive(), "it had to be asked a second time"
    assert signal.getsignal(how) is before
    again.cancel()
