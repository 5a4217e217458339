"""The pages for people: the Todo client at `/`, and the documentation without any other server.

FastAPI's documentation pages load their scripts from a CDN. Here they are part of the application,
so that they work offline and their content security policy can forbid everything foreign.
"""

import base64
import hashlib
import re

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

from todo.web.client import INDEX, file_response, install_client

ASSETS_PATH = "/docs-assets"
ASSETS_PACKAGE = "fastapi_standalone_docs"
OPENAPI_PATH = "openapi.json"
"""Relative, like all links of the pages: they also work below a proxy's prefix."""

ICON = "client/icon.svg"

DARK_MODE = """\
<script>
const dark = matchMedia("(prefers-color-scheme: dark)");
const show = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", show);
show();
</script>
"""
"""Swagger UI has dark colours for this class, and leaves it to the page when to set it."""

INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


class Welcome(BaseModel):
    """Where to go from here."""

    message: str
    version: str
    docs: str
    redoc: str


def install_pages(app: FastAPI) -> None:
    """Add `/`, `/docs`, `/redoc` and what they need."""
    assets = StaticFiles(packages=[(ASSETS_PACKAGE, "static")])
    app.mount(ASSETS_PATH, assets, name="docs-assets")
    app.include_router(_pages(app))
    install_client(app)
    # ReDoc looks for its logo below the page's own path.
    app.mount("/redoc", StaticFiles(packages=[(ASSETS_PACKAGE, "static/redoc")]), name="redoc-logo")


def _pages(app: FastAPI) -> APIRouter:
    router = APIRouter(tags=["Root"])
    relative_assets = ASSETS_PATH.removeprefix("/")
    docs_page = _with_policy(
        get_swagger_ui_html(
            openapi_url=OPENAPI_PATH,
            title=app.title,
            swagger_js_url=f"{relative_assets}/swagger/swagger-ui-bundle.js",
            swagger_css_url=f"{relative_assets}/swagger/swagger-ui.css",
            swagger_favicon_url=ICON,
            swagger_ui_parameters={"persistAuthorization": True},
        ),
        DARK_MODE,
    )
    redoc_page = _with_policy(
        get_redoc_html(
            openapi_url=OPENAPI_PATH,
            title=app.title,
            redoc_js_url=f"{relative_assets}/redoc/redoc.standalone.js",
            redoc_favicon_url=ICON,
            with_google_fonts=False,
        )
    )

    @router.get(
        "/",
        response_model=Welcome,
        responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
    )
    async def welcome(request: Request) -> Response | Welcome:
        """Greet, and link to the documentation; to a browser, show the Todo client."""
        if "text/html" in request.headers.get("accept", ""):
            return file_response(request, INDEX, vary="Accept, Accept-Encoding")
        return Welcome(
            message=f"Welcome to {app.title}", version=app.version, docs="/docs", redoc="/redoc"
        )

    @router.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return docs_page

    @router.get("/redoc", include_in_schema=False)
    async def redoc() -> HTMLResponse:
        return redoc_page

    # At a path with a trailing slash, the relative links of a page would lead elsewhere.
    @router.get("/docs/", include_in_schema=False)
    async def docs_with_slash() -> RedirectResponse:
        return RedirectResponse("../docs")

    @router.get("/redoc/", include_in_schema=False)
    async def redoc_with_slash() -> RedirectResponse:
        return RedirectResponse("../redoc")

    return router


def _with_policy(shown: HTMLResponse, in_head: str = "") -> HTMLResponse:
    # Both pages set styles by script, which needs 'unsafe-inline' for styles; their scripts are
    # allowed by hash, and ReDoc's search runs in a worker created from a blob.
    text = bytes(shown.body).decode().replace("</head>", f"{in_head}</head>", 1)
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in INLINE_SCRIPT.findall(text)
    ]
    page = HTMLResponse(text)
    page.headers["Content-Security-Policy"] = "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' {' '.join(hashes)}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src blob:",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ]
    )
    return page
