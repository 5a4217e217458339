"""No request waits for a thread.

FastAPI and Starlette run a plain `def` in one, and the way there and back costs more than it does.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts


def calls_of(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    """The endpoint and whatever it depends on."""
    if dependant.call is not None:
        yield dependant.call
    for each in dependant.dependencies:
        yield from calls_of(each)


def in_threads(app: FastAPI) -> set[str]:
    """The names of all that would run in a thread."""
    calls: set[Callable[..., Any]] = set(app.exception_handlers.values())
    for route in iter_route_contexts(app.routes):
        if route.endpoint is not None:
            calls.add(route.endpoint)
        if dependant := getattr(route, "dependant", None):
            calls.update(calls_of(dependant))
    assert len(calls) > len(app.exception_handlers)
    return {getattr(call, "__name__", repr(call)) for call in calls if not runs_in_loop(call)}


def runs_in_loop(call: Any) -> bool:
    methods = (call, call.__call__)
    return any(map(inspect.iscoroutinefunction, methods)) or inspect.isasyncgenfunction(call)


def test_no_route_dependency_or_handler_runs_in_a_thread(app: FastAPI) -> None:
    assert in_threads(app) == set()


def by_def() -> None:
    """A dependency for a thread."""


async def by_async_def(given: None = Depends(by_def)) -> None:
    """A dependency of which only another one needs a thread."""
    del given


@pytest.mark.parametrize("dependency", [by_def, by_async_def])
def test_one_that_would_is_found_at_any_depth(app: FastAPI, dependency: Callable[..., Any]) -> None:
    @app.get("/slow", dependencies=[Depends(dependency)])
    async def slow() -> None:
        """A route."""

    assert in_threads(app) == {"by_def"}
