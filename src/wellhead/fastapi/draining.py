"""Draining: the process is no longer ready, but still responds."""

import asyncio
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wellhead.database import Database

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""The signals that ask a server to stop: Ctrl-C, and the one that process supervisors send."""


class Farewell:
    """Makes the clients of a draining process reconnect elsewhere for their next request.

    Its responses carry ``Connection: close``, so that no connection is left on which a client could
    be sending a request at the moment when the server closes it (RFC 9112, section 9.6).
    """

    def __init__(self, app: ASGIApp, databases: Collection[Database]) -> None:
        self._app = app
        self._databases = databases

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        # HTTP/2 has no such header.
        if scope["type"] != "http" or not scope["http_version"].startswith("1"):
            await self._app(scope, receive, send)
            return

        async def send_with_farewell(message: Message) -> None:
            if message["type"] == "http.response.start":
                for database in self._databases:
                    if database.is_draining:
                        MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self._app(scope, receive, send_with_farewell)


@contextmanager
def drained_on_signals(databases: Collection[Database], seconds: float) -> Iterator[None]:
    """On SIGTERM, turn readiness off first, and pass the signal to the server so much later.

    A second signal reaches the server at once, and so does Ctrl-C, after which no requests are
    expected. The server must have set its handlers with ``signal.signal``, as uvicorn does, in the
    main thread; in any other thread nothing happens.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    has_waited = False

    def pass_on(number: int, frame: FrameType | None) -> None:
        _pass_on(before[signal.Signals(number)], number, frame)

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal has_waited
        # Not directly in the handler: it may have interrupted a write to the log, and a sleeping
        # event loop must be woken.
        for database in databases:
            loop.call_soon_threadsafe(database.drain)
        if number == signal.SIGTERM and seconds > 0 and not has_waited:
            loop.call_soon_threadsafe(loop.call_later, seconds, pass_on, number, None)
        else:
            pass_on(number, frame)
        has_waited = True

    with _handled_by(on_signal, before):
        yield


@contextmanager
def told_of_signals(tell: Callable[[], None]) -> Iterator[None]:
    """Call ``tell`` in the event loop when the server is asked to stop; it is asked all the same.

    Only in the main thread, as the server's handlers; in any other nothing happens.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}

    def on_signal(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(tell)
        _pass_on(before[signal.Signals(number)], number, frame)

    with _handled_by(on_signal, before):
        yield


@contextmanager
def _handled_by(
    on_signal: Callable[[int, FrameType | None], None], before: Mapping[signal.Signals, Any]
) -> Iterator[None]:
    for number in STOP_SIGNALS:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _pass_on(handler: Any, number: int, frame: FrameType | None) -> None:
    if callable(handler):
        handler(number, frame)
    elif handler is not signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
