"""What clients ask: whole HTTP requests of one user, by operation."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from types import MappingProxyType
from urllib.parse import urlencode
from uuid import UUID

from bench.speed.job import Job, Met
from bench.speed.play import Plays
from bench.todo_speed.data import NEW_TAG
from bench.todo_speed.person import Person

ROUTES: Mapping[str, str] = MappingProxyType(
    {
        "one": "`GET /tasks/{id}`",
        "list": "`GET /tasks?limit=50`",
        "create": "`POST /tasks`",
        "complete": "`PATCH /tasks/{id}/complete`",
    }
)
"""What asks the database, by operation."""

HEALTH, LOGIN = "health", "login"

_CREATED, _NEW_TAG_EACH = 2000, 10
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"


class Requests:
    """The requests of one person.

    Args:
        person: Who.
        task_ids: Their tasks.
    """

    def __init__(self, person: Person, task_ids: Sequence[UUID]) -> None:
        self._person = person
        self._tasks = f"/api/{person.id}/tasks"
        self._task_ids = task_ids
        self._numbers = count()
        self._made: Mapping[str, Callable[[], list[str]]] = {
            "one": self._one,
            "list": lambda: [self._message("GET", f"{self._tasks}?limit=50")],
            "create": self._create,
            "complete": self._complete,
            HEALTH: lambda: [self._message("GET", "/health")],
            LOGIN: self._login,
        }

    def of(self, operation: str) -> list[str]:
        """The requests of an operation, in the order in which they are sent again and again."""
        return self._made[operation]()

    def _one(self) -> list[str]:
        return [self._message("GET", f"{self._tasks}/{each}") for each in self._task_ids]

    def _create(self) -> list[str]:
        return [
            self._message("POST", self._tasks, json.dumps(self._task(n))) for n in range(_CREATED)
        ]

    def _task(self, number: int) -> Mapping[str, object]:
        tags = [f"tag {number % 10}", f"Tag {(number + 4) % 10}"]
        if number % _NEW_TAG_EACH == 0:
            tags.append(f"{NEW_TAG}{next(self._numbers)}")
        return {
            "title": f"Water plant {number}",
            "description": "The one at the window, which is dry again.",
            "priority": "high",
            "due_date": "2030-06-01T08:30:00Z",
            "tags": tags,
        }

    def _complete(self) -> list[str]:
        # All of them done, then all of them open: each request changes a row, and those that are
        # under way at the same time are about other rows.
        return [
            self._message(
                "PATCH", f"{self._tasks}/{each}/complete", json.dumps({"completed": done})
            )
            for done in (True, False)
            for each in self._task_ids
        ]

    def _login(self) -> list[str]:
        form = {"username": self._person.email, "password": self._person.password}
        return [self._message("POST", "/api/auth/login", urlencode(form), kind=_FORM)]

    def _message(self, method: str, path: str, body: str = "", *, kind: str = _JSON) -> str:
        lines = [f"{method} {path} HTTP/1.1", "Host: bench"]
        if path.startswith(self._tasks):
            lines.append(f"Authorization: Bearer {self._person.token}")
        if body:
            lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", body]) if body else "\r\n".join([*lines, "", ""])


@dataclass(frozen=True, slots=True)
class Asking:
    """A load that asks what a person asks.

    Attributes:
        load: Sends it.
        requests: Theirs, by the port of the server: on larger tables they have other tasks.
    """

    load: Plays
    requests: Mapping[int, Requests]

    async def play(self, job: Job) -> Met:
        """Play a job with the requests of its operation."""
        messages = self.requests[job.port].of(job.operation)
        return await self.load.play(replace(job, messages=messages))
