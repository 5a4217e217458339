"""Figure 6: hostile requests fail nothing, change nothing of others, and learn nothing."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import pytest

from bench.faults.hostile.attack import SETTINGS, Outcome, attack, corpus
from bench.faults.hostile.corpus import Corpus, Harm, HostileRequest, Person
from bench.faults.hostile.evidence import SIGNS
from bench.faults.hostile.operations import Operation
from bench.faults.todo_service import KEY, TodoService, migrate

pytestmark = pytest.mark.slow

LEAST = 1000
EVERY = 4
"""`make faults` tries each text in each place; here each place gets a quarter of them."""


@pytest.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[TodoService]:
    """The Todo API on a database of its own, in a process of its own."""
    await asyncio.to_thread(migrate, database_url)
    async with TodoService(tmp_path, database_url, environment=SETTINGS) as service:
        yield service


async def test_hostile_requests_fail_nothing_change_nothing_and_learn_nothing(
    service: TodoService, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = await attack(service, database_url, partial(corpus, every=EVERY))
    with capsys.disabled():
        sys.stdout.write(f"\n{outcome.sent.total()} requests, {dict(outcome.statuses)}\n")

    assert outcome.failed == []
    assert outcome.accepted == []
    assert outcome.leaks == []
    assert outcome.changed == []
    assert outcome.sent.total() >= LEAST
    assert set(outcome.sent) == set(Harm)
    # Not everything was refused at the door: some did what it said, as text.
    assert {200, 201} <= set(outcome.statuses)


def with_the_genuine_token(
    _known: list[Operation], _attacker: Person, victim: Person
) -> Iterable[HostileRequest]:
    """What an attacker with a forged token of the victim could do."""
    headers = {"Authorization": f"Bearer {victim.token}".encode()}
    path = "/api/{user_id}/tasks/{task_id}".format_map(victim.ids)
    yield HostileRequest(Harm.TOKEN, "genuine", "DELETE", path, headers)


async def test_an_attack_that_succeeds_is_counted(service: TodoService, database_url: str) -> None:
    outcome = await attack(service, database_url, with_the_genuine_token)

    assert len(outcome.accepted) == 1
    assert sorted(table for table, _ in outcome.changed) == [
        "deleted_tasks",
        "task_tags",
        "tasks",
    ]


@pytest.mark.parametrize("status", [0, 500, 503])
def test_a_failure_is_counted(status: int) -> None:
    outcome = Outcome()
    outcome.note(HostileRequest(Harm.SQL, "x", "GET", "/", {}), status, "", ())

    assert len(outcome.failed) == 1


def test_a_word_that_nobody_may_see_is_counted() -> None:
    outcome = Outcome()
    request = HostileRequest(Harm.SQL, "x", "GET", "/", {})
    outcome.note(request, 422, "sqlalchemy.exc.ProgrammingError: [SQL: SELECT tasks.id", SIGNS)

    assert len(outcome.leaks) == 3


def person(name: str) -> Person:
    ids = {placeholder: f"{name}-{placeholder}" for placeholder in ("user_id", "task_id", "tag_id")}
    return Person(ids, "token", "spare token")


def test_no_request_holds_a_word_that_counts_as_a_leak() -> None:
    known = [Operation("POST", "/{user_id}", ("q",), ("if-match",), "application/json", {}, ("a",))]
    requests = list(Corpus(known, attacker=person("a"), victim=person("v"), key=KEY))
    sent = "".join(unquote(each.target) + each.body.decode("latin-1") for each in requests).lower()

    assert requests
    assert [sign for sign in SIGNS if sign in sent] == []
