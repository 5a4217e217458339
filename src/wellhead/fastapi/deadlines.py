"""How long a request may take, and what happens to its work when the client stops waiting."""

import asyncio
import logging
from typing import Any

from fastapi import Depends, FastAPI, Response
from fastapi.requests import HTTPConnection
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wellhead.errors import (
    CommittedError,
    CommitUnknownError,
    RequestTimeoutError,
    SettingsError,
    WellheadError,
)
from wellhead.fastapi.installed import MAIN, installed_for
from wellhead.fastapi.late import LateCommits
from wellhead.fastapi.listening import Listener, ListenTimer
from wellhead.fastapi.mounted import HOST, answer_as, mounted_in
from wellhead.fastapi.targets import shown
from wellhead.fastapi.task_groups import failure_in
from wellhead.fastapi.threads import await_threads
from wellhead.sessions.commits import current_commits
from wellhead.sessions.deadline import Deadline, Ending, current_deadline

logger = logging.getLogger("wellhead.fastapi")

_DEADLINE = "wellhead.deadline"

CLIENT_GONE = 499
"""The status for middleware and logs when the client has disconnected; nginx uses it, too."""


def deadline(seconds: float | None) -> Any:
    """A different limit than ``DATABASE_REQUEST_TIMEOUT``, for a route or a router.

    For ``dependencies=[deadline(5)]``. It counts from the beginning of the request; None for no
    limit. A route's limit overrides its router's. WebSockets have none.

    Raises:
        SettingsError: The limit is not above 0.
    """
    if seconds is not None and not seconds > 0:
        raise SettingsError(f"The deadline of a route is {seconds!r}; it must be above 0 s.")

    async def move() -> None:
        current = current_deadline.get()
        if current is not None:
            current.move(seconds)

    return Depends(move)


def add_deadline(app: FastAPI, *, seconds: float | None) -> None:
    """Give every request a limit, inside all other middleware.

    There, the headers and logs of other middleware apply to the response, and their own work is
    neither counted nor cancelled.
    """
    app.user_middleware.append(Middleware(RequestDeadline, seconds=seconds, host=app))


def share_deadline(app: FastAPI) -> None:
    """Extend the deadline of this application to the applications mounted in it.

    It goes inside their own middleware, as in this application.
    """
    for each in mounted_in(app):
        layers: list[object] = [layer.cls for layer in each.user_middleware]
        if RequestDeadline not in layers:
            each.user_middleware.append(Middleware(RequestDeadline))
            # It may have handled requests before.
            each.middleware_stack = None


class RequestDeadline:
    """Cancels the work for a request that takes too long or whose client has disconnected.

    The time counts until the response begins. A response that has begun is never cut, nor is a
    background task after it. A request whose work is waiting for a thread gets its response in
    time, and the work ends with the thread. WebSockets are left alone.

    In a mounted application it takes over from that of the parent application, so that the mounted
    application's middleware sees the response, too. There it also responds to database failures
    that the mounted application does not handle itself.

    Args:
        app: The application that it wraps.
        seconds: The limit; None for none.
        host: The application that was given a database; None in one that is mounted in it, which
            then uses the limit and database of its parent.
    """

    def __init__(
        self, app: ASGIApp, seconds: float | None = None, *, host: FastAPI | None = None
    ) -> None:
        self._app = app
        self._seconds = seconds
        self._host = host
        self._told: set[str] = set()
        self._timer: ListenTimer | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        if self._host is not None:
            scope[HOST] = self._host
        if scope["type"] != "http" or HOST not in scope:
            await self._app(scope, receive, send)
            return
        app = scope["app"]
        limit = self._limit_within(scope.get(_DEADLINE), scope, receive, send)
        scope[_DEADLINE] = limit
        listener = Listener(scope, receive, self._timer_of(limit.loop), limit)
        limit.watched_from = listener.begins_at
        try:
            with limit:
                try:
                    await self._app(scope, listener.receive, limit.send)
                except (Exception, BaseExceptionGroup) as error:
                    # The handlers cannot see an error of sending: to them the response had begun.
                    failure = limit.late.refusal or self._unheard(error, app)
                    if failure is None or limit.has_begun or limit.is_over:
                        raise
                    await answer_as(app, failure, scope, listener.receive, limit.send)
        finally:
            listener.stop()
            limit.late.end()
            # A reference cycle waits for the collector, and this one would hold the whole request.
            scope.pop(_DEADLINE, None)
        if limit.is_over:
            await limit.answer()

    def _limit_within(
        self, around: Deadline | None, scope: Scope, receive: Receive, send: Send
    ) -> "_RequestLimit":
        told = self._told
        if around is None:
            return _RequestLimit(self._seconds, scope, receive, send, told)
        if around.ending is not None:
            return _RequestLimit(None, scope, receive, send, told)
        around.lift()
        seconds = around.seconds if self._host is None else self._seconds
        return _RequestLimit(seconds, scope, receive, send, told, began=around.began)

    def _timer_of(self, loop: asyncio.AbstractEventLoop) -> ListenTimer:
        timer = self._timer
        if timer is None or timer.loop is not loop:
            timer = self._timer = ListenTimer(loop)
        return timer

    def _unheard(self, error: BaseException, app: Starlette) -> Exception | None:
        """A database failure that no handler could see, if this is one."""
        if app is self._host and isinstance(error, Exception):
            return None
        return failure_in(error)


class _RequestLimit(Deadline):
    """The deadline of a request, which gets its response in time even while its thread runs on.

    Attributes:
        watched_from: The event loop's time when :meth:`watch` is called; None for never, or once it
            has been. Most requests have finished by then, and never need their own timer.
        late: What the request would commit too late.
        has_begun: Whether the response has begun.
    """

    def __init__(
        self,
        seconds: float | None,
        scope: Scope,
        receive: Receive,
        send: Send,
        told: set[str],
        *,
        began: float | None = None,
    ) -> None:
        super().__init__(seconds, began=began)
        self.watched_from: float | None = None
        self.late = LateCommits(scope, self.commits, told, self.task)
        self.has_begun = False
        self._answering: asyncio.Task[None] | None = None
        # A mounted application puts itself into the scope.
        self._app: Starlette = scope["app"]
        self._scope, self._receive, self._send = scope, receive, send

    @property
    def route(self) -> str | None:
        """The template of the route that matched the request."""
        route = self._scope.get("route")
        path = getattr(route, "path_format", None) or getattr(route, "path", None)
        return None if path is None else f"{self._scope['method']} {path}"

    @property
    def variable(self) -> str:
        """The environment variable that sets the limit."""
        database = installed_for(HTTPConnection(self._scope)).databases[MAIN]
        return database.settings.variable_of("request_timeout")

    async def send(self, message: Message) -> None:
        """Pass a message of the response on, unless the work was cancelled."""
        if self.is_over:
            # This message does not belong to the response.
            return
        if message["type"] == "http.response.start":
            if self.commits.sessions:
                await self.late.refuse()
            self.has_begun = True
            self.lift()
            self.late.tell_from_now_on()
        await self._send(message)

    def gone(self) -> None:
        """Cancel the work: its client has disconnected."""
        self.end(Ending.GONE)

    def watch(self) -> None:
        """Enforce the limit from now on."""
        self.watched_from = None
        self.move(self.seconds)

    def set_alarm(self, when: float) -> None:
        """Cancel the block at this time of the loop."""
        if self.watched_from is None or when <= self.watched_from:
            super().set_alarm(when)

    def cancel(self, task: asyncio.Task[Any]) -> None:
        """Cancel the task, or let it be cancelled when its thread has ended."""
        if await_threads(task) and self.ending is Ending.TIMEOUT and self._answering is None:
            answer = self._refuse(goes_on=True)
            self._answering = asyncio.get_running_loop().create_task(answer)
        super().cancel(task)

    async def answer(self) -> None:
        """Respond in place of the cancelled work."""
        if self._answering is not None:
            await self._answering
        elif self.ending is Ending.TIMEOUT:
            await self._refuse(goes_on=False)
        else:
            _note_gone(self._scope)
            gone = Response(status_code=CLIENT_GONE)
            await gone(self._scope, self._receive, self._send)

    async def _refuse(self, *, goes_on: bool) -> None:
        error = _too_late(self, goes_on=goes_on)
        token = current_commits.set(self.commits)
        try:
            await answer_as(self._app, error, self._scope, self._receive, self._send)
        finally:
            current_commits.reset(token)


def _too_late(limit: "_RequestLimit", *, goes_on: bool) -> WellheadError:
    error = _what_became_of(limit, goes_on=goes_on)
    error.__cause__ = limit.error
    return error


def _what_became_of(limit: "_RequestLimit", *, goes_on: bool) -> WellheadError:
    commits = limit.commits
    if commits.is_open:
        return CommitUnknownError.after_silence()
    if commits.succeeded:
        return CommittedError(
            f"The request got no response within {limit.seconds:g} s, after it had committed "
            f"{commits.succeeded} transactions.",
            commits=commits.succeeded,
        )
    became = "its thread is still running" if goes_on else "its work was cancelled"
    return RequestTimeoutError(
        f"The request got no response within {limit.seconds:g} s; {became}, and nothing was "
        "committed.",
        hint=f"Make it faster, raise {limit.variable}, or give the route its own deadline.",
    )


def _note_gone(scope: Scope) -> None:
    method, path = shown(scope)
    logger.info(
        "%s %s: the client disconnected; the work was cancelled",
        method,
        path,
        extra={"event": "client_gone", "path": path},
    )
