"""The routes of the live page."""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from wellhead.errors import WellheadError
from wellhead.errors.discretion import words_of
from wellhead.fastapi.forms import failure_response
from wellhead.fastapi.installed import MAIN, Installed
from wellhead.fastapi.live.access import COOKIE, LIFETIME, Access
from wellhead.fastapi.live.feed import EVERY, Feed
from wellhead.fastapi.live.plans import plan_of
from wellhead.fastapi.probes import ANOTHER
from wellhead.telemetry.lookout import Lookout
from wellhead.telemetry.merging import merged
from wellhead.telemetry.workers import FellowWorkers

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""The page's Content-Security-Policy: nothing but its own files, and no other site's frame."""

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
"""The kinds of files that the page consists of."""

LARGEST_BODY = 4096
"""Bytes of the largest body of a request."""

Endpoint = Callable[[Request], Awaitable[Response]]

_PART = "wellhead.live"


class LivePage:
    """What the routes of the page do.

    Args:
        installed: The databases.
        workers: The other workers, whose figures are added.
        path: The path of the page.
    """

    def __init__(self, installed: Installed, workers: FellowWorkers, path: str) -> None:
        settings = installed.databases[MAIN].settings
        token = settings.live_page_token
        self._installed = installed
        self._path = path
        self._access = Access(None if token is None else token.get_secret_value())
        self._shows_plans = settings.live_page
        self._workers = workers
        self._lookout = Lookout(installed.databases)
        workers.on("figures", self._lookout.read)
        workers.on("statement", self._lookout.text_of)
        workers.on_close(self._lookout.stop)
        self._feed = Feed(
            self._as_json,
            is_draining=lambda: any(each.is_draining for each in installed.databases.values()),
        )

    def route(self) -> "LiveRoute":
        """The routes, as one."""
        path = self._path
        parts = [
            _part(path, self._file("page.html"), "GET"),
            _part(f"{path}/figures", self._guarded(self._figures), "GET"),
            _part(f"{path}/events", self._guarded(self._events), "GET"),
            _part(f"{path}/login", self._login, "POST"),
            _part(f"{path}/logout", self._logout, "POST"),
        ]
        if self._shows_plans:
            parts.append(_part(f"{path}/plan", self._guarded(self._plan), "POST"))
        parts += [
            _part(f"{path}/{each.name}", self._file(each.name), "GET")
            for each in files(__package__).iterdir()
            if each.name.endswith((".css", ".js"))
        ]
        return LiveRoute(path, parts)

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            if self._access.admits(request):
                return await endpoint(request)
            return _refused(request) if self._access.asks_for_token else _elsewhere(request)

        return guarded

    def _file(self, name: str) -> Endpoint:
        content = files(__package__).joinpath(name).read_bytes()
        headers = {
            "Content-Security-Policy": POLICY,
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
        kind = TYPES[name[name.rindex(".") :]]

        async def file(request: Request) -> Response:
            del request
            return Response(content, headers=headers, media_type=kind)

        return file

    async def _figures(self, request: Request) -> Response:
        del request
        headers = {"Cache-Control": "no-store"}
        return Response(await self._as_json(), headers=headers, media_type="application/json")

    async def _events(self, request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        if not (self._feed.is_full or self._feed.is_over):
            return _Streamed(self._feed)
        title, kind = "Too many live pages are open already.", "about:blank"
        if self._feed.is_over:
            title, kind = "The server is shutting down.", "urn:wellhead:draining"
        return failure_response(request, 503, title=title, type=kind, headers={"Retry-After": "5"})

    async def _login(self, request: Request) -> Response:
        given = (await _body_of(request)).get("token")
        if not isinstance(given, str) or not self._access.is_token(given):
            return _refused(request)
        return self._with_cookie(request, self._access.cookie(), seconds=LIFETIME)

    async def _logout(self, request: Request) -> Response:
        return self._with_cookie(request, "", seconds=0)

    def _with_cookie(self, request: Request, value: str, *, seconds: int) -> Response:
        response = Response(status_code=204)
        response.set_cookie(
            COOKIE, value,
            max_age=seconds,
            path=request.scope.get("root_path", "") + self._path,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )  # fmt: skip
        return response

    async def _plan(self, request: Request) -> Response:
        body = await _body_of(request)
        name, digest = str(body.get("database")), str(body.get("statement"))
        database = self._installed.databases.get(name)
        statement = None if database is None else await self._text_of(name, digest)
        if database is None or statement is None:
            return failure_response(
                request, 404, title="No such statement has run lately.", type="about:blank"
            )
        try:
            plan = await plan_of(database, statement, route=f"POST {self._path}/plan")
        except (WellheadError, SQLAlchemyError) as error:
            plan = words_of(error) or type(error).__name__
        return JSONResponse({"plan": plan}, headers={"Cache-Control": "no-store"})

    async def _text_of(self, database: str, digest: str) -> str | None:
        own = self._lookout.text_of(database, digest)
        if own is not None:
            return own
        others = (await self._workers.ask("statement", database, digest)).told
        return next((text for text in others.values() if isinstance(text, str)), None)

    async def _as_json(self) -> bytes:
        others = await self._workers.ask("figures")
        answered = 1 + len(others.told)
        figures = {
            "version": 1,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "mode": "development" if self._shows_plans else "production",
            "plans": self._shows_plans,
            "login": self._access.asks_for_token,
            "every": EVERY,
            "processes": {
                "expected": answered + len(others.silent),
                "answered": answered,
                "how": self._how(answered + len(others.silent)),
            },
            "databases": merged([self._lookout.read(), *others.told.values()]),
        }
        return json.dumps(figures, separators=(",", ":")).encode()

    def _how(self, workers: int) -> str:
        if self._workers.trouble is not None:
            return f"this worker alone; the others cannot be reached: {self._workers.trouble}"
        if self._workers.directory is None:
            return "this process alone"
        return f"{workers} workers of this machine, by Unix sockets"


class LiveRoute(Route):
    """The routes of the page, which requests for other routes pass in one step.

    Args:
        path: The path of the page.
        parts: One route for each path.
    """

    def __init__(self, path: str, parts: list[Route]) -> None:
        super().__init__(path, parts[0].endpoint, methods=["GET"], include_in_schema=False)
        self._parts = parts

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the request is for one of them."""
        if self.path not in scope["path"]:
            return ANOTHER
        for part in self._parts:
            match, child = part.matches(scope)
            if match is not Match.NONE:
                return match, {**child, _PART: part, "route": part}
        return ANOTHER

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        part: Route = scope[_PART]
        await part.handle(scope, receive, send)


class _Streamed(Response):
    """A response that is a stream of events."""

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._feed(scope, receive, send)


def _part(path: str, endpoint: Endpoint, method: str) -> Route:
    return Route(path, endpoint, methods=[method], include_in_schema=False)


def _refused(request: Request) -> Response:
    return failure_response(
        request,
        401,
        title="The live page needs its token.",
        type="about:blank",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _elsewhere(request: Request) -> Response:
    return failure_response(
        request,
        403,
        title="Without DATABASE_LIVE_PAGE_TOKEN, this is at localhost and IP addresses only.",
        type="about:blank",
    )


async def _body_of(request: Request) -> Mapping[str, Any]:
    """The JSON object of a body; empty if it is none, or too large.

    Only of ``application/json``, which a browser does not send for another site without asking.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return {}
    received = b""
    async for chunk in request.stream():
        received += chunk
        if len(received) > LARGEST_BODY:
            return {}
    try:
        found = json.loads(received)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def install_live_page(
    app: FastAPI, installed: Installed, *, workers: FellowWorkers, prefix: str
) -> None:
    """Add the page, below this prefix."""
    app.router.routes.append(LivePage(installed, workers, f"{prefix}/db").route())
