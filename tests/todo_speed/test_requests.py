"""The requests of a person, as they go over the wire."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from bench.speed.job import Job, Met
from bench.todo_speed.person import Person
from bench.todo_speed.requests import Asking, Requests

PERSON = Person(UUID(int=1), "bench@example.com", "correct horse", "a.b.c")
TASKS = [UUID(int=number) for number in range(2, 5)]


def parsed(message: str) -> tuple[str, dict[str, str], str]:
    head, _, body = message.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    return first, dict(line.split(": ") for line in lines), body


@pytest.fixture
def requests() -> Requests:
    return Requests(PERSON, TASKS)


@pytest.mark.parametrize("operation", ["one", "list", "create", "complete", "health", "login"])
def test_a_request_says_how_long_its_body_is(requests: Requests, operation: str) -> None:
    for message in requests.of(operation):
        _, headers, body = parsed(message)

        assert int(headers.get("Content-Length", "0")) == len(body.encode())


@pytest.mark.parametrize(
    ("operation", "carries"), [("one", True), ("create", True), ("health", False), ("login", False)]
)
def test_only_what_needs_the_token_carries_it(
    requests: Requests, operation: str, carries: bool
) -> None:
    _, headers, _ = parsed(requests.of(operation)[0])

    assert (headers.get("Authorization") == "Bearer a.b.c") is carries


def test_each_task_is_read_in_turn(requests: Requests) -> None:
    assert [parsed(each)[0] for each in requests.of("one")] == [
        f"GET /api/{PERSON.id}/tasks/{each} HTTP/1.1" for each in TASKS
    ]


def test_every_completion_changes_its_task(requests: Requests) -> None:
    """They are sent again and again; none asks twice in a row for the same state."""
    asked = [parsed(each) for each in requests.of("complete")]
    states: dict[str, bool] = {}
    for first, _, body in asked * 2:
        done = json.loads(body)["completed"]
        assert states.get(first) is not done
        states[first] = done

    assert len(states) == len(TASKS)


def test_a_new_tag_is_named_in_every_tenth_task_and_never_twice(requests: Requests) -> None:
    made: list[Callable[[], list[str]]] = [lambda: requests.of("create")] * 2
    bodies = [json.loads(parsed(message)[2]) for make in made for message in make()]
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
