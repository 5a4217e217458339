"""A load that asks what a person asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import httpx2

from bench.speed.job import Job, Met
from bench.speed.play import Plays
from bench.speed.server import Server
from bench.speed.setting import Setting
from bench.todo_speed.requests import Requests
from bench.todo_speed.routes import CHANGES_AFTER, REFRESH, RESTORE, ROUTES
from bench.todo_speed.supplies import Supplies

CHECKED = 20
"""Requests of each operation that must succeed before it is measured."""

_USED_AT_MOST = 1000
"""More than one client uses up in a slot."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A load that asks what a person asks.

    Attributes:
        load: Sends it.
        requests: Theirs, by the port of the server: on larger tables they have other tasks.
        supplies: Theirs, for the routes that use them up.
    """

    load: Plays
    requests: Mapping[int, Requests]
    supplies: Mapping[int, Supplies] = field(default_factory=dict)

    async def play(self, job: Job) -> Met:
        """Play a job with the requests of its operation."""
        messages = await self.messages(job.port, job.operation)
        return await self.load.play(replace(job, messages=messages))

    def forget(self) -> None:
        """Forget what was read of the changes, since there may be more."""
        for by in self.requests.values():
            by.since = ""

    async def messages(self, port: int, operation: str) -> list[str]:
        """The requests of an operation, with what they need that is of now."""
        by = self.requests[port]
        if operation == CHANGES_AFTER and not by.since:
            by.since = await _read_changes(port, by)
        elif operation == REFRESH:
            by.refresh_tokens = await self.supplies[port].start_logins(_USED_AT_MOST)
        elif operation == RESTORE:
            by.deleted_ids = await self.supplies[port].delete_tasks(_USED_AT_MOST)
        return ROUTES[operation].requests(by)


async def check(setting: Setting, server: Server, asking: Asking) -> None:
    """Make sure that each operation succeeds; that also warms it up.

    Raises:
        ValueError: One does not; how often is in the message.
    """
    for operation in setting.operations:
        met = await asking.play(Job(server.port, operation, setting.connections, 0, 60.0, CHECKED))
        if met.requests < CHECKED:
            raise ValueError(f"{server.peer.name}, {operation}: {met}.")


async def _read_changes(port: int, by: Requests) -> str:
    """Read all changes, and return from where on the next ones are read."""
    url = f"http://127.0.0.1:{port}{by.mine}/changes"
    query: dict[str, str] = {}
    headers = {"Authorization": f"Bearer {by.person.token}"}
    async with httpx2.AsyncClient(headers=headers, trust_env=False, verify=False) as client:
        while True:
            page = (await client.get(url, params=query)).raise_for_status().json()
            query = {"since": page["next_since"]}
            if not page["has_more"]:
                return str(page["next_since"])
