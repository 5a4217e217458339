"""Cookies, which this application does not use, but Wellhead's live page does."""

from starlette.types import Scope

OF_THE_LIVE_PAGE = ("/db/events", "/db/figures", "/db/plan")
"""The ends of the paths to which the cookie of its login is sent: no routes of FastAPI."""


def without_cookies(scope: Scope) -> Scope:
    """Return the scope of a request without its cookies, unless it is for the live page.

    FastAPI would parse them for every route, and before 3.11.10 and 3.12.6 Python takes 20 s for a
    cookie of 64 KB that is full of backslashes (CVE-2024-7592).
    """
    if scope["path"].endswith(OF_THE_LIVE_PAGE):
        return scope
    headers = [header for header in scope["headers"] if header[0] != b"cookie"]
    return {**scope, "headers": headers}
