"""How a path finds its route: in few steps, and the same with a trailing slash as without."""

from typing import Any

from fastapi import APIRouter
from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Match, Router
from starlette.types import Receive, Scope, Send


class SegmentRouter(APIRouter):
    """A router whose routes are tried only if the path contains the last segment of its prefix.

    FastAPI tries one route after the other, those of an included router through several layers, and
    checks twice if one has the path.

    Args:
        prefix: The start of the paths of its routes.
        options: The options of `APIRouter`.
    """

    def __init__(self, *, prefix: str, **options: Any) -> None:
        super().__init__(prefix=prefix, **options)
        self._segment = prefix[prefix.rindex("/") :]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether one of its routes serves the request."""
        if self._segment not in scope["path"]:
            return _ANOTHER
        return super().matches(scope)


# In Python 3.11, looking up a member of an enumeration takes longer than the rest of matches().
_ANOTHER: tuple[Match, Scope] = (Match.NONE, {})


def keep_free(kind: str, *names: str) -> None:
    """Let parameters of paths such as `{task_id:kind}` match any segment but these names.

    Otherwise `PUT /tasks/counts` is for the task whose id is "counts", though `/tasks/counts` is a
    path with other methods.

    Args:
        kind: What follows the colon.
        names: The names, which are routes of their own.
    """

    class Other(Convertor[str]):
        regex = f"(?!(?:{'|'.join(names)})$)[^/]+"

        def convert(self, value: str) -> str:
            return value

        def to_string(self, value: str) -> str:
            return value

    register_url_convertor(kind, Other())


def ignore_slash_at_end(router: Router) -> None:
    """Give a path with a trailing slash the same response as the path without it.

    There is no redirect: it would name the scheme and the host as the last proxy sees them, and so
    send a token over plain HTTP; and some clients turn its POST into a GET. Nor is there a second
    route for each path: only a request that matches no route gets here, so others do not pay for
    it. From here on the request has the shorter path, also in log lines.
    """
    not_found = router.default

    async def without_slash(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        # Two slashes are a mistake, and would get here once for each.
        if scope["type"] == "http" and path.endswith("/") and not path.endswith("//"):
            scope["path"] = path[:-1]
            await router(scope, receive, send)
        else:
            await not_found(scope, receive, send)

    router.default = without_slash
