"""Cookies, which this application does not use."""

from starlette.types import Scope


def without_cookies(scope: Scope) -> Scope:
    """Return the scope of a request without its cookies.

    FastAPI would parse them for every route, and before 3.11.10 and 3.12.6 Python takes 20 s for a
    cookie of 64 KB that is full of backslashes (CVE-2024-7592).
    """
    headers = [header for header in scope["headers"] if header[0] != b"cookie"]
    return {**scope, "headers": headers}
