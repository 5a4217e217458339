"""The requests of a person, as they go over the wire."""

import json
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from bench.speed.job import Job, Met
from bench.todo_speed.asking import Asking
from bench.todo_speed.person import Person
from bench.todo_speed.requests import Requests
from bench.todo_speed.routes import AT_ONCE, BASE, OTHERS, ROUTES

PERSON = Person(UUID(int=1), "bench@example.com", "correct horse", "a.b.c")
TASKS = [UUID(int=number) for number in range(2, 5)]


def parsed(message: str) -> tuple[str, dict[str, str], str]:
    head, _, body = message.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    return first, dict(line.split(": ") for line in lines), body


def asked(operation: str) -> list[tuple[str, dict[str, str], str]]:
    by = Requests(PERSON, TASKS, "since", ["x.y.z"], TASKS)
    return list(map(parsed, ROUTES[operation].requests(by)))


@pytest.mark.parametrize("operation", ROUTES)
def test_a_request_says_how_long_its_body_is(operation: str) -> None:
    requests = asked(operation)

    assert requests
    for _, headers, body in requests:
        assert int(headers.get("Content-Length", "0")) == len(body.encode())


@pytest.mark.parametrize("operation", ROUTES)
def test_only_what_needs_the_token_carries_it(operation: str) -> None:
    public = operation in {"health", "login", "refresh"}
    token = "Bearer todo_pat_" if operation == "with_api_token" else "Bearer a.b.c"
    for _, headers, _ in asked(operation):
        assert headers.get("Authorization", "").startswith("" if public else token)
        assert ("Authorization" in headers) is not public


@pytest.mark.parametrize("operation", OTHERS)
def test_a_route_is_compared_with_one_that_all_have(operation: str) -> None:
    route = OTHERS[operation]

    assert route.like in BASE
    assert (route.times, route.most) > (0, 0)


def test_each_task_is_read_in_turn() -> None:
    assert [first for first, _, _ in asked("one")] == [
        f"GET /api/{PERSON.id}/tasks/{each} HTTP/1.1" for each in TASKS
    ]


@pytest.mark.parametrize(("operation", "member"), [("complete", "completed"), ("position", "to")])
def test_every_request_changes_its_task(operation: str, member: str) -> None:
    """They are sent again and again; none asks twice in a row for the same state."""
    states: dict[str, object] = {}
    for first, _, body in asked(operation) * 2:
        wanted = json.loads(body)[member]
        assert states.get(first) != wanted
        states[first] = wanted

    assert len(states) == len(TASKS)


def test_a_move_is_never_to_where_the_task_is() -> None:
    order = list(map(str, TASKS))
    for first, _, body in asked("position") * 2:
        moved = first.split("/")[4]
        before = list(order)
        order.remove(moved)
        order.insert(0 if json.loads(body)["to"] == "first" else len(order), moved)
        assert order != before


def test_what_is_used_up_is_asked_for_once() -> None:
    assert [json.loads(body) for _, _, body in asked("refresh")] == [{"refresh_token": "x.y.z"}]
    assert len({first for first, _, _ in asked("restore")}) == len(TASKS)


def test_many_are_changed_or_imported_by_one_request() -> None:
    bodies = [json.loads(body) for _, _, body in asked("bulk")]
    [imported] = [json.loads(body) for _, _, body in asked("import")]

    assert [body["action"] for body in bodies] == ["complete", "reopen"]
    assert all(body["ids"] == list(map(str, TASKS)) for body in bodies)
    assert len(imported["tasks"]) == AT_ONCE


def test_a_new_tag_is_named_in_every_tenth_task_and_never_twice() -> None:
    by = Requests(PERSON, TASKS)
    messages = [message for _ in range(2) for message in ROUTES["create"].requests(by)]
    bodies = [json.loads(parsed(message)[2]) for message in messages]
    new = [tag for body in bodies for tag in body["tags"] if tag.startswith("New ")]

    assert len(new) == len(set(new)) == len(bodies) / 10
    assert {len(set(body["tags"])) for body in bodies} == {2, 3}


@dataclass
class PaperLoad:
    """A load that sends nothing."""

    jobs: list[Job] = field(default_factory=list)

    async def play(self, job: Job) -> Met:
        self.jobs.append(job)
        return Met(1, 0, 0, 1.0, 1.0, 1.0, 0.1)


async def test_a_server_is_asked_for_the_tasks_that_it_has() -> None:
    load = PaperLoad()
    asking = Asking(load, {1: Requests(PERSON, TASKS[:1]), 2: Requests(PERSON, TASKS[1:])})
    for port in (1, 2):
        await asking.play(Job(port, "one", 1, 0, 1.0))

    assert [len(job.messages) for job in load.jobs] == [1, 2]
