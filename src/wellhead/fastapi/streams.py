"""Routes that stream: what they may not take, since it ends before their first item."""

import inspect
from typing import Any

from fastapi import FastAPI

from wellhead.errors import ConfigurationError
from wellhead.fastapi.dependencies import ends_before_response
from wellhead.fastapi.mounted import parts_of


def refuse_ended_sessions(app: FastAPI) -> None:
    """Refuse a route with ``yield`` that takes a session or reader of the request.

    FastAPI runs it while the response is sent. The session has ended then, and the client would get
    200 and no more.

    Raises:
        ConfigurationError: There is one, also in what is mounted.
    """
    for route in parts_of(app):
        dependant = getattr(route, "dependant", None)
        if dependant is None or not _is_generator(route.endpoint):
            continue
        for part in dependant.dependencies:
            if part.name is not None and ends_before_response(part.call):
                raise ConfigurationError(
                    f"The route {route.path} is a generator, which runs while its response is "
                    f"sent, and its parameter {part.name!r} ends before that.",
                    hint="Open a session or reader inside, by async with database.session() or "
                    "database.reader(), around what needs it; RunDep can be taken.",
                )


def _is_generator(endpoint: Any) -> bool:
    function = inspect.unwrap(endpoint)
    return inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function)
