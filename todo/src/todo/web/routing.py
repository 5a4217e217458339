"""How a path finds its route: in few steps, and with a slash at its end as without."""

from typing import Any

from fastapi import APIRouter
from starlette.routing import Match, Router
from starlette.types import Receive, Scope, Send


class SegmentRouter(APIRouter):
    """A router whose routes are only asked where the path holds the last segment of its prefix.

    FastAPI asks one route after the other, those of a router that was included through several
    layers, and asks twice where one has the path.

    Args:
        prefix: What the paths of its routes begin with.
        options: As `APIRouter` takes them.
    """

    def __init__(self, *, prefix: str, **options: Any) -> None:
        super().__init__(prefix=prefix, **options)
        self._segment = prefix[prefix.rindex("/") :]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether one of its routes serves the request."""
        if self._segment not in scope["path"]:
            return _ANOTHER
        return super().matches(scope)


# Python 3.11 looks a member of an enumeration up for longer than all else that matches() does.
_ANOTHER: tuple[Match, Scope] = (Match.NONE, {})


def ignore_slash_at_end(router: Router) -> None:
    """Let a path with a slash at its end have the same response as the path without it.

    No redirect: it would name the scheme and the host as the last proxy sees them, and so send a
    token over plain HTTP; and some clients turn its POST into a GET. Nor a second route for each:
    only a request that no route takes comes here, so the others do not pay for it. From here on the
    request has the shorter path, in log lines, too.
    """
    not_found = router.default

    async def without_slash(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        # Two slashes are a mistake, and would come here once for each.
        if scope["type"] == "http" and path.endswith("/") and not path.endswith("//"):
            scope["path"] = path[:-1]
            await router(scope, receive, send)
        else:
            await not_found(scope, receive, send)

    router.default = without_slash
