"""The numbers next to a list's name, in one statement."""

from datetime import datetime

import pytest
from httpx2 import AsyncClient
from staged import StagedAccount
from task_api import TaskAPI

from todo.tasks import counts, filters
from todo.tasks.schemas import TaskCounts


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


async def test_somebody_without_tasks_has_none_of_any_kind(api: TaskAPI) -> None:
    shown = await api.expect(200, "GET", "/tasks/counts")

    assert list(shown) == list(TaskCounts.model_fields)
    assert shown.pop("tags") == []
    assert set(shown.values()) == {0}


async def test_tasks_are_counted_by_kind_and_by_tag(
    api: TaskAPI,
    client: AsyncClient,
    other_account: StagedAccount,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = datetime.fromisoformat("2026-12-24T12:00:00+00:00")
    for module in (counts, filters):
        monkeypatch.setattr(module, "utc_now", lambda: now)
    await TaskAPI(client, other_account).task(tags=["theirs"])
    home = await api.tag('home "sweet"')
    for due_date, tags, completed in (
        (None, [], False),
        (None, ["work"], True),
        ("2026-12-23", ['home "sweet"', "work"], False),
        ("2026-12-24", ['HOME "sweet"'], False),
        ("2026-12-24T11:59:59Z", [], False),
        ("2026-12-24T23:30:00Z", [], False),
        ("2026-12-25", [], False),
        ("2026-12-24", [], True),
    ):
        await api.task(due_date=due_date, tags=tags, completed=completed)

    shown = await api.expect(200, "GET", "/tasks/counts")
    TaskCounts.model_validate(shown)
    tags = shown.pop("tags")
    assert [(tag["name"], tag["open"]) for tag in tags] == [('home "sweet"', 2), ("work", 1)]
    assert tags[0]["id"] == home["id"]
    assert shown == {
        "open": 6,
        "completed": 2,
        "overdue": 2,
        "due_today": 3,
        "no_due_date": 1,
        "untagged": 4,
    }

    async def in_zone(name: str) -> tuple[int, int]:
        shown = await api.expect(200, "GET", "/tasks/counts", params={"time_zone": name})
        return shown["overdue"], shown["due_today"]

    # There it is two o'clock on the 25th, and midnight, when the 24th begins.
    assert await in_zone("Pacific/Kiritimati") == (3, 3)
    assert await in_zone("Etc/GMT+12") == (2, 2)
    for zone in ("UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kolkata"):
        listed = await api.titles(overdue="true", time_zone=zone)
        assert len(listed) == (await in_zone(zone))[0]


async def test_a_count_by_an_unknown_zone_or_another_parameter_is_refused(api: TaskAPI) -> None:
    for query, field in (
        ({"time_zone": "Mars/Olympus"}, "query.time_zone"),
        ({"tag": "x"}, "query.tag"),
    ):
        assert list(await api.field_faults("GET", "/tasks/counts", params=query)) == [field]
