"""Serving in this process; real processes are in test_cli."""

import os
import signal
import threading

import pytest
from fastapi import FastAPI
from staged import KEY

from todo.listening import listen
from todo.server import Serving, serve, served_app

pytestmark = pytest.mark.wellhead(commit=True)

SECONDS = 120


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
    serving = Serving(host="127.0.0.1", port=0, workers=1, reload=False)

    def announce() -> None:
        Finalized(how)

    again = threading.Timer(SECONDS, os.kill, [os.getpid(), signal.SIGINT])
    again.start()
    with listen("127.0.0.1", 0) as listener:
        assert serve(serving, listener, announce=announce)

    assert again.is_alive(), "it had to be asked a second time"
    assert signal.getsignal(how) is before
    again.cancel()
