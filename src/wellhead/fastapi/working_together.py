"""The workers of an application, which listen to each other while it is served."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from wellhead.fastapi.installed import Installed
from wellhead.telemetry.workers import FellowWorkers


def workers_of(app: FastAPI, installed: Installed) -> FellowWorkers:
    """This worker and the others, from the application's start to its end.

    It stops listening before the databases are closed, with which their figures begin again.
    """
    places = [f"{name}={each.settings.url}" for name, each in installed.databases.items()]
    workers = FellowWorkers(" ".join([app.title, *places]))
    opened = app.router.lifespan_context

    @asynccontextmanager
    async def listening(app: Any) -> AsyncIterator[Any]:
        async with opened(app) as state, workers:
            yield state

    app.router.lifespan_context = listening
    return workers
