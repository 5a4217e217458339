"""The routes that are measured, as a table: what is asked, and what it is compared with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bench.todo_speed.data import NEW_TAG
from bench.todo_speed.requests import Requests
from bench.todo_speed.supplies import API_TOKEN

HEALTH, LOGIN = "health", "login"

CHANGES_AFTER, REFRESH, RESTORE = "changes_after", "refresh", "restore"
"""Those whose requests need something that grows old, or is used up."""

AT_ONCE = 100
"""Tasks of one bulk request, and of one import."""

_CREATED, _NEW_TAG_EACH = 2000, 10


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table.

    Attributes:
        title: For the page.
        requests: Those of one person, in the order in which they are sent again and again.
        like: The operation that it is compared with, within a run; empty for none.
        times: How many requests of that do the same work.
        most: Their CPU time is not to be exceeded by more than this factor.
        by_hand: How much CPU time is allowed by that of the same route by hand, which has it only
            where this is given.
    """

    title: str
    requests: Callable[[Requests], list[str]]
    like: str = ""
    times: int = 1
    most: float = 1.0
    by_hand: float | None = None


def _create(by: Requests) -> list[str]:
    return [by.message("POST", by.tasks, _task(by, number)) for number in range(_CREATED)]


def _task(by: Requests, number: int) -> dict[str, object]:
    tags = [f"tag {number % 10}", f"Tag {(number + 4) % 10}"]
    if number % _NEW_TAG_EACH == 0:
        tags.append(f"{NEW_TAG}{next(by.numbers)}")
    return {
        "title": f"Water plant {number}",
        "description": "The one at the window, which is dry again.",
        "priority": "high",
        "due_date": "2030-06-01T08:30:00Z",
        "tags": tags,
    }


def _complete(by: Requests) -> list[str]:
    # All of them done, then all of them open: each request changes a row, and those that are
    # under way at the same time are about other rows.
    return [
        by.message("PATCH", f"{by.tasks}/{each}/complete", {"completed": done})
        for done in (True, False)
        for each in by.task_ids
    ]


def _bulk(by: Requests) -> list[str]:
    ids = list(map(str, by.task_ids[:AT_ONCE]))
    return [
        by.message("POST", f"{by.tasks}/bulk", {"action": action, "ids": ids})
        for action in ("complete", "reopen")
    ]


def _position(by: Requests) -> list[str]:
    # Each time to another place: the list begins and ends in the order of the ids.
    return [
        by.message("PATCH", f"{by.tasks}/{each}/position", {"to": end})
        for end, ids in (("first", by.task_ids[::-1]), ("last", by.task_ids))
        for each in ids
    ]


def _import(by: Requests) -> list[str]:
    tasks = []
    for number in range(AT_ONCE):
        task = _task(by, number)
        tags = task["tags"]
        assert isinstance(tags, list)  # noqa: S101 - as it is made above
        tasks.append(task | {"tags": [{"name": name} for name in tags]})
    return [by.message("POST", f"{by.mine}/import", {"version": 1, "tasks": tasks})]


BASE: Mapping[str, Route] = MappingProxyType(
    {
        "one": Route(
            "`GET /tasks/{id}`",
            lambda by: [by.message("GET", f"{by.tasks}/{each}") for each in by.task_ids],
        ),
        "list": Route(
            "`GET /tasks?limit=50`", lambda by: [by.message("GET", f"{by.tasks}?limit=50")]
        ),
        "create": Route("`POST /tasks`", _create),
        "complete": Route("`PATCH /tasks/{id}/complete`", _complete),
    }
)
"""What all contestants have, and what asks the database."""

OTHERS: Mapping[str, Route] = MappingProxyType(
    {
        "with_api_token": Route(
            "`GET /tasks/{id}` with an API token",
            lambda by: [
                by.message("GET", f"{by.tasks}/{each}", token=API_TOKEN) for each in by.task_ids
            ],
            *("one", 1, 2.0),
        ),
        "search": Route(
            "`GET /tasks?limit=50&q=do+abou`",
            lambda by: [by.message("GET", f"{by.tasks}?limit=50&q=do+abou")],
            *("list", 1, 1.2),
            by_hand=1.67,
        ),
        "counts": Route(
            "`GET /tasks/counts`",
            lambda by: [by.message("GET", f"{by.tasks}/counts")],
            *("one", 1, 1.2),
            by_hand=1.67,
        ),
        "changes": Route(
            "`GET /changes`, a page of 200",
            lambda by: [by.message("GET", f"{by.mine}/changes")],
            *("list", 4, 1.0),
            by_hand=1.67,
        ),
        CHANGES_AFTER: Route(
            "`GET /changes?since=`, nothing new",
            lambda by: [by.message("GET", f"{by.mine}/changes?since={by.since}")],
            *("list", 1, 1.0),
            by_hand=1.67,
        ),
        "export": Route(
            "`GET /export`, 250 tasks",
            lambda by: [by.message("GET", f"{by.mine}/export")],
            *("list", 5, 1.0),
        ),
        "logins": Route(
            "`GET /auth/logins?limit=20`",
            lambda by: [by.message("GET", "/api/auth/logins?limit=20")],
            *("list", 1, 1.0),
        ),
        "api_tokens": Route(
            "`GET /auth/tokens`, 10 tokens",
            lambda by: [by.message("GET", "/api/auth/tokens")],
            *("list", 1, 1.0),
        ),
        "bulk": Route(
            "`POST /tasks/bulk`, 100 tasks by id", _bulk, *("complete", AT_ONCE, 0.1), by_hand=2.0
        ),
        "position": Route("`PATCH /tasks/{id}/position`", _position, *("complete", 1, 1.2)),
        RESTORE: Route(
            "`POST /tasks/{id}/restore`",
            lambda by: [
                by.message("POST", f"{by.tasks}/{each}/restore") for each in by.deleted_ids
            ],
            *("complete", 1, 1.2),
        ),
        "import": Route("`POST /import`, 100 new tasks", _import, *("create", AT_ONCE, 0.5)),
        "me": Route(
            "`PATCH /auth/me`, the name",
            lambda by: [
                by.message("PATCH", "/api/auth/me", {"name": name}) for name in ("Ann", "Bo")
            ],
            *("complete", 1, 1.2),
        ),
        REFRESH: Route(
            "`POST /auth/refresh`",
            lambda by: [
                by.without_token("POST", "/api/auth/refresh", {"refresh_token": each})
                for each in by.refresh_tokens
            ],
            *("complete", 1, 1.5),
        ),
    }
)
"""What the Todo API of 1f19431 does not have; those that only read come first."""

ROUTES: Mapping[str, Route] = MappingProxyType(
    {
        **BASE,
        **OTHERS,
        HEALTH: Route("`GET /health`", lambda by: [by.without_token("GET", "/health")]),
        LOGIN: Route("`POST /auth/login`", lambda by: [by.login()]),
    }
)
"""All of them."""
