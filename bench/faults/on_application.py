"""Faults of the application's own: what its authors did wrong with a session."""

import asyncio

import httpx2

from bench.faults.apps import TODO
from bench.faults.fault import Fault
from bench.faults.mistakes import FORGOTTEN, SHARED
from bench.faults.stage import Setting, Stage
from tests.staging.patience import until

_REQUESTS = 10
_PATIENCE = 10.0


class TaskForgotten(Fault):
    """Requests leave a task behind that goes on with their session."""

    name = "A forgotten task"
    setting = Setting.MISTAKES

    path = FORGOTTEN

    async def inject(self, stage: Stage) -> None:
        for way in stage.ways:
            async with httpx2.AsyncClient(
                base_url=way.app.base_url, trust_env=False, timeout=_PATIENCE, verify=False
            ) as client:
                answers = await asyncio.gather(
                    *(client.post(self.path) for _ in range(_REQUESTS)), return_exceptions=True
                )
            if way.app.kind is TODO:
                # Each is told, and it is the request that made the mistake.
                self.happened += sum(
                    isinstance(each, httpx2.Response) and each.status_code == 500
                    for each in answers
                )

    async def heal(self, stage: Stage) -> None:
        for way in stage.ways:
            if way.app.kind is not TODO:
                continue
            async with httpx2.AsyncClient(
                base_url=way.app.base_url, trust_env=False, timeout=_PATIENCE, verify=False
            ) as client:

                async def is_ready(client: httpx2.AsyncClient = client) -> bool:
                    return (await client.get("/health/ready")).is_success

                await until(is_ready)


class SessionShared(TaskForgotten):
    """Requests use their session from several tasks at the same time."""

    name = "A session shared by two tasks"
    path = SHARED
