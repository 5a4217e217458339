"""Faults of the application's own: what its authors did wrong with a session."""

import asyncio
from functools import partial
from typing import ClassVar

import httpx2

from bench.faults.apps import TODO
from bench.faults.fault import Fault
from bench.faults.mistakes import FORGOTTEN, SHARED
from bench.faults.stage import Setting, Stage, Way
from tests.staging.patience import until

_PATIENCE = 60.0
_REQUESTS = 10


class Mistake(Fault):
    """Requests to a route with a mistake, at the same time.

    Attributes:
        path: The route.
    """

    path: ClassVar[str]
    setting = Setting.MISTAKES

    async def inject(self, stage: Stage) -> None:
        for way in stage.ways:
            sent = (_ask(way, "POST", self.path) for _ in range(_REQUESTS))
            answers = await asyncio.gather(*sent, return_exceptions=True)
            if way.app.kind is TODO:
                # Each is told, and it is the request that made the mistake.
                self.happened += sum(
                    isinstance(each, httpx2.Response) and each.status_code == 500
                    for each in answers
                )

    async def heal(self, stage: Stage) -> None:
        async def is_ready(way: Way) -> bool:
            return (await _ask(way, "GET", "/health/ready")).is_success

        for way in stage.ways:
            if way.app.kind is TODO:
                await until(partial(is_ready, way))


class TaskForgotten(Mistake):
    """Requests leave a task behind that goes on with their session."""

    name = "A forgotten task"
    path = FORGOTTEN


class SessionShared(Mistake):
    """Requests use their session from several tasks at the same time."""

    name = "A session shared by two tasks"
    path = SHARED


async def _ask(way: Way, method: str, path: str) -> httpx2.Response:
    async with asyncio.timeout(_PATIENCE), way.door.connect() as client:
        return await client.request(method, path)
