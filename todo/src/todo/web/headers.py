"""Headers that tell browsers and caches what they may not do with a response."""

from collections.abc import Iterable, Sequence

from starlette.types import Scope

from todo.web.request_id import HEADER as REQUEST_ID

Header = tuple[bytes, bytes]
"""A name in lower case, and a value, as ASGI sends them."""

ALWAYS: Sequence[Header] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    ),
)
"""Set unless the route sets its own, as the documentation pages do with their policy."""

HSTS: Header = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
"""Only for requests that came by https.

Behind a proxy the scheme is correct only if uvicorn was told to trust the proxy
(`--forwarded-allow-ips`).
"""

PRIVATE_PATHS = "/api/"
"""Responses below this path belong to one user; no cache may store them."""

NO_STORE: Header = (b"cache-control", b"no-store")

VARY_BY_ORIGIN: Header = (b"vary", b"Origin")
"""For requests without `Origin`: tells caches that the response differs with one."""

_ONCE = frozenset(name for name, _ in (*ALWAYS, HSTS, NO_STORE, (REQUEST_ID, b"")))


def security_headers(scope: Scope) -> list[Header]:
    """Return the headers that a response has unless its route says otherwise."""
    headers = [*ALWAYS]
    if scope["scheme"] == "https":
        headers.append(HSTS)
    # A proxy's prefix may be part of the path, and a mount makes its own path part of the root.
    prefix = scope.get("app_root_path", scope.get("root_path", ""))
    if scope["path"].removeprefix(prefix).startswith(PRIVATE_PATHS):
        headers.append(NO_STORE)
    return headers


def complete(own: Sequence[Header], added: Iterable[Header]) -> list[Header]:
    """Return the headers of a response with the added ones.

    Args:
        own: Those set by the route; they are kept.
        added: The others, except for those that the route has set. `Vary` may occur twice.
    """
    taken = _ONCE.intersection(dict(own))
    return [*own, *(each for each in added if each[0] not in taken)] if taken else [*own, *added]
