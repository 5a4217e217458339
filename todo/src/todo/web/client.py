"""The Todo client, the page at `/`: its files, served from memory.

There is no build step: each file of `todo/client` is served as it is, and compressed. The files are
read once in a process, when one is first asked for.

The page names its files below a path with the version of all of them, so that the modules in a page
are of one version, whatever is released meanwhile.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

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


STARTING = {INDEX, "service-worker.js"}
"""Where a browser begins: these name the version and have the policy; it ignores that of others."""

FOR_EVER = "public, max-age=31536000, immutable"


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
        present = name.removeprefix(f"{version()}/")
        response = file_response(request, present)
        if present != name:
            response.headers["Cache-Control"] = FOR_EVER
        return response

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
    if name not in files():
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
def files() -> Mapping[str, bytes]:
    """The files that are served: only what is found here can be asked for."""
    return {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in MEDIA_TYPES
    }


@cache
def version() -> str:
    """A digest of all files: the same in each process that has the same files."""
    digests = [hashlib.sha256(body).hexdigest() + name for name, body in files().items()]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()[:16]


@cache
def contents(name: str) -> tuple[Content, Content]:
    """A file as it is, and compressed; the same, if that makes it no smaller."""
    headers = {
        "Content-Type": MEDIA_TYPES[PurePosixPath(name).suffix],
        # Kept, and asked for each time whether it is still the same.
        "Cache-Control": "no-cache",
    }
    body = files()[name]
    if name in STARTING:
        headers["Content-Security-Policy"] = POLICY
        body = body.replace(b"{version}", version().encode())
        body = body.replace(b"{files}", " ".join(files()).encode())
    tag = hashlib.sha256(body).hexdigest()[:32]
    plain = Content(body, tag, headers)
    smaller = gzip.compress(body, mtime=0)
    if len(smaller) >= len(body):
        return plain, plain
    return plain, Content(smaller, f"{tag}-gzip", {**headers, "Content-Encoding": "gzip"})
