"""The page that a person gets where a program gets a problem: at an unknown path, for instance."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from todo.web.client import POLICY
from todo.web.headers import PRIVATE_PATHS
from wellhead.fastapi.handlers import answer_http_exception
from wellhead.fastapi.problems import phrase_of

PAGE = """\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>{title}</title>
    <link rel="stylesheet" href="{root}client/style.css">
    <link rel="icon" href="{root}client/icon.svg" type="image/svg+xml">
  </head>
  <body>
    <main class="empty">
      <h1>{title}</h1>
      <p>{words}</p>
      <p><a href="{root}">Your tasks</a> · <a href="{root}docs">The API behind them</a></p>
    </main>
  </body>
</html>
"""

WORDS: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address. It may be old, or mistyped."
}
"""What the page says; other statuses have their phrase only."""

VARY = "Accept, Sec-Fetch-Mode"

_OF_BODY = {"content-length", "content-type"}


def install_error_page(app: FastAPI) -> None:
    """Show errors as a page to a browser that was to open one; never below `/api`."""

    async def answer_or_show(request: Request, error: Exception) -> Response:
        response = await answer_http_exception(request, error)
        if (
            _path(request).startswith(PRIVATE_PATHS)
            or response.status_code < HTTPStatus.BAD_REQUEST
        ):
            return response
        response.headers["Vary"] = VARY
        if not _is_navigation(request):
            return response
        kept = {name: value for name, value in response.headers.items() if name not in _OF_BODY}
        return HTMLResponse(
            _page(response.status_code, root_of(request)),
            response.status_code,
            {**kept, "Content-Security-Policy": POLICY},
        )

    app.add_exception_handler(HTTPException, answer_or_show)


def root_of(request: Request) -> str:
    """The relative URL of `/` from the path of a request: it holds below a proxy's prefix.

    Browsers count the slashes of the path as it was sent, where `%2F` is none.
    """
    sent: bytes = request.scope["raw_path"]
    return "../" * (sent.count(b"/") - _prefix(request).count("/") - 1) or "./"


def _prefix(request: Request) -> str:
    # A mount makes its own path part of the root.
    prefix: str = request.scope.get("app_root_path", request.scope["root_path"])
    return prefix


def _path(request: Request) -> str:
    return f"{request.scope['path'].removeprefix(_prefix(request))}/"


def _is_navigation(request: Request) -> bool:
    headers = request.headers
    return (
        "text/html" in headers.get("accept", "")
        and headers.get("sec-fetch-mode", "navigate") == "navigate"
    )


def _page(status: int, root: str) -> str:
    return PAGE.format(title=phrase_of(status), words=WORDS.get(status, ""), root=root)
