"""The Todo client, the page at `/`: its files, served from memory.

There is no build step: each file of `todo/client` is served as it is, and compressed. A file is
read once in a process, when it is first asked for.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response

from todo.etag import etag, parse_entity_tags

FOLDER = Path(__file__).parents[1] / "client"

INDEX = "index.html"

AT_ROOT: Mapping[str, str] = {
    "/service-worker.js": "service-worker.js",
    "/manifest.webmanifest": "manifest.webmanifest",
    "/favicon.ico": "icon-192.png",
}
"""Files with a path outside of `/client`: a service worker serves only what is below its own."""

MEDIA_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
"""What is served, by suffix; other files in the folder are for its developers."""

_DIRECTIVES = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "worker-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types lit-html service-worker",
)

POLICY = "; ".join(_DIRECTIVES)
"""The content security policy of the page and of its service worker.

Text becomes markup or code only by one of the two named policies: lit-html's own, and the one with
which the page names its service worker.
"""


WITH_POLICY = {INDEX, "service-worker.js"}
"""Browsers ignore the policy of other files, and it is longer than some of them."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file of the client as it is sent, with its headers."""

    body: bytes
    tag: str
    headers: Mapping[str, str]


def install_client(app: FastAPI) -> None:
    """Add `/client`, and the files with paths of their own."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/client/{name:path}", methods=["GET", "HEAD"])
    async def client(request: Request, name: str) -> Response:
        return file_response(request, name)

    for path, name in AT_ROOT.items():
        _add_file(router, path, name)
    app.include_router(router)


def _add_file(router: APIRouter, path: str, name: str) -> None:
    @router.api_route(path, methods=["GET", "HEAD"])
    async def client_file(request: Request) -> Response:
        return file_response(request, name)


def file_response(request: Request, name: str, *, vary: str = "Accept-Encoding") -> Response:
    """Respond with a file of the client, compressed if the browser can read that.

    Args:
        request: The request; its `If-None-Match` may spare the file itself.
        name: The file's path in the folder, such as `views/task.js`.
        vary: The request headers on which the response depends.

    Raises:
        HTTPException: 404, the client has no such file; 400, `If-None-Match` is malformed.
    """
    if name not in paths():
        raise HTTPException(404)
    plain, compressed = contents(name)
    content = compressed if "gzip" in request.headers.get("accept-encoding", "") else plain
    headers = {**content.headers, "ETag": etag(content.tag), "Vary": vary}
    given = request.headers.getlist("if-none-match")
    known = parse_entity_tags(given, header="If-None-Match", weak=True)
    if known is not None and content.tag in known:
        return Response(status_code=304, headers=headers)
    return Response(content.body, headers=headers)


@cache
def paths() -> Mapping[str, Path]:
    """The files that are served: only what is found here can be asked for."""
    return {
        path.relative_to(FOLDER).as_posix(): path
        for path in FOLDER.rglob("*")
        if path.suffix in MEDIA_TYPES
    }


@cache
def contents(name: str) -> tuple[Content, Content]:
    """A file as it is, and compressed; the same, if that makes it no smaller."""
    body = paths()[name].read_bytes()
    tag = hashlib.sha256(body).hexdigest()[:32]
    headers = {
        "Content-Type": MEDIA_TYPES[paths()[name].suffix],
        # Kept, and asked for each time whether it is still the same.
        "Cache-Control": "no-cache",
    }
    if name in WITH_POLICY:
        headers["Content-Security-Policy"] = POLICY
    plain = Content(body, tag, headers)
    smaller = gzip.compress(body, mtime=0)
    if len(smaller) >= len(body):
        return plain, plain
    return plain, Content(smaller, f"{tag}-gzip", {**headers, "Content-Encoding": "gzip"})
