"""Due dates: days, which are the same date everywhere, and times, which are the same moment."""

import random
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from httpx2 import AsyncClient
from pydantic import TypeAdapter
from staged import StagedAccount
from task_api import TaskAPI

from todo.tasks import filters
from todo.tasks.due import Limit
from todo.tasks.fields import DayOrMoment

DAYS = ["2026-12-23", "2026-12-24", "2026-12-25", "2026-12-26"]
OFFSETS = [f"{hours:+03d}:00" for hours in range(-12, 15)]


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


async def test_a_due_date_comes_back_as_it_was_given(api: TaskAPI) -> None:
    task = await api.task(due_date="2026-12-24")
    path = f"/tasks/{task['id']}"

    async def shown() -> str:
        read = await api.expect(200, "GET", path)
        assert (await api.expect(200, "GET", "/tasks"))["items"] == [read]
        return str(read["due_date"])

    assert task["due_date"] == await shown() == "2026-12-24"
    for given, expected in (
        ("2026-12-24T17:00:00+01:00", "2026-12-24T16:00:00Z"),
        ("2026-12-24T00:00:00Z", "2026-12-24T00:00:00Z"),
        ("2026-12-24", "2026-12-24"),
        ("0001-01-02", "0001-01-02"),
        ("9999-12-30", "9999-12-30"),
        (None, "None"),
    ):
        changed = await api.expect(200, "PATCH", path, json={"due_date": given})
        assert str(changed["due_date"]) == await shown() == expected


async def test_a_day_and_its_midnight_are_different_due_dates(api: TaskAPI) -> None:
    task = await api.task(due_date="2026-12-24")
    path = f"/tasks/{task['id']}"
    same = await api.expect(200, "PATCH", path, json={"due_date": "2026-12-24"})
    other = await api.expect(200, "PATCH", path, json={"due_date": "2026-12-24T00:00:00Z"})

    assert same == task
    assert other["etag"] != task["etag"]


@pytest.mark.parametrize(
    "due_date",
    [
        "2026-12-24T17:00",
        "2026-12-24T17:00:00",
        "2026-12",
        "2026-12-24Z",
        "24.12.2026",
        "",
        20261224,
    ],
)
async def test_a_time_without_a_zone_is_refused_with_what_to_send(
    api: TaskAPI, due_date: object
) -> None:
    body = {"title": "x", "due_date": due_date}
    faults = await api.field_faults("POST", "/tasks", json=body)

    assert list(faults) == ["body.due_date"]
    assert "2030-01-31, or a time with its zone" in faults["body.due_date"]


@pytest.mark.parametrize("due_date", ["2026-02-30", "0001-01-01", "9999-12-31", "0000-01-01"])
async def test_a_day_that_does_not_exist_is_refused(api: TaskAPI, due_date: str) -> None:
    body = {"title": "x", "due_date": due_date}

    assert list(await api.field_faults("POST", "/tasks", json=body)) == ["body.due_date"]


async def test_a_day_is_that_day_for_clients_in_every_zone(api: TaskAPI) -> None:
    for day in DAYS:
        await api.task(day, due_date=day)

    for offset in OFFSETS:
        start, end = f"2026-12-24T00:00:00{offset}", f"2026-12-25T00:00:00{offset}"
        assert await api.titles(due_from=start, due_before=end) == ["2026-12-24"], offset
        late = f"2026-12-24T23:59:59{offset}"
        assert await api.titles(due_before=late, sort="title") == ["2026-12-23"], offset
        assert await api.titles(due_from=late, sort="title") == DAYS[1:], offset


async def test_a_limit_that_is_a_day_begins_in_the_zone_that_is_named(api: TaskAPI) -> None:
    await api.task("day", due_date="2026-12-24")
    await api.task("evening", due_date="2026-12-23T22:30:00Z")

    assert await api.titles(due_from="2026-12-24") == ["day"]
    berlin = {"time_zone": "Europe/Berlin", "sort": "created_at"}
    assert await api.titles(due_from="2026-12-24", **berlin) == ["day"]
    helsinki = {"time_zone": "Europe/Helsinki", "sort": "created_at"}
    assert await api.titles(due_from="2026-12-24", **helsinki) == ["day", "evening"]
    assert await api.titles(due_before="2026-12-24", **helsinki) == []
    assert await api.titles(due_from="2026-12-24", due_before="2026-12-25", **helsinki) == [
        "day",
        "evening",
    ]


async def test_every_limit_parts_all_tasks_into_two(api: TaskAPI) -> None:
    chance = random.Random(16)  # noqa: S311 - no secret is made of it
    days = [f"2026-12-{20 + number}" for number in range(6)]
    times = [f"2026-12-{20 + number % 6}T{number * 5 % 24:02d}:30:00Z" for number in range(12)]
    for due in [*days, *times]:
        await api.task(due, due_date=due)

    for _ in range(20):
        offset = chance.choice(OFFSETS)
        limit = f"2026-12-{chance.randrange(20, 27)}T{chance.randrange(24):02d}:00:00{offset}"
        first = await api.titles(due_from=limit, limit=100)
        rest = await api.titles(due_before=limit, limit=100)
        assert sorted([*first, *rest]) == sorted([*days, *times])
        in_utc = datetime.fromisoformat(limit).astimezone(UTC)
        assert {each for each in first if "T" in each} == {
            each for each in times if datetime.fromisoformat(each) >= in_utc
        }
        assert {each for each in first if "T" not in each} == {
            each for each in days if each >= limit[:10]
        }


@pytest.mark.parametrize(
    ("zone", "now", "overdue"),
    [
        ("UTC", "2026-12-24T23:59:59+00:00", ["23", "noon"]),
        ("UTC", "2026-12-25T00:00:00+00:00", ["23", "24", "noon"]),
        ("Pacific/Kiritimati", "2026-12-24T09:59:59+00:00", ["23"]),
        ("Pacific/Kiritimati", "2026-12-24T10:00:00+00:00", ["23", "24"]),
        ("Etc/GMT+12", "2026-12-25T11:59:59+00:00", ["23", "noon"]),
        ("Etc/GMT+12", "2026-12-25T12:00:00+00:00", ["23", "24", "noon"]),
    ],
)
async def test_an_open_task_is_overdue_when_its_time_or_its_day_is_over(
    api: TaskAPI, monkeypatch: pytest.MonkeyPatch, zone: str, now: str, overdue: list[str]
) -> None:
    monkeypatch.setattr(filters, "utc_now", lambda: datetime.fromisoformat(now))
    await api.task("23", due_date="2026-12-23")
    await api.task("24", due_date="2026-12-24")
    await api.task("noon", due_date="2026-12-24T12:00:00Z")
    await api.task("done", due_date="2026-12-01", completed=True)
    await api.task("never")

    assert await api.titles(overdue="true", time_zone=zone, sort="title") == overdue
    others = {"23", "24", "noon", "done", "never"} - set(overdue)
    assert set(await api.titles(overdue="false", time_zone=zone)) == others


@pytest.mark.parametrize(
    ("day", "zone", "begins"),
    [
        ("2026-12-24", "America/New_York", "2026-12-24T05:00:00Z"),
        ("2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00Z"),
        ("2026-03-29", "Asia/Beirut", "2026-03-28T22:00:00Z"),
        ("2026-11-01", "America/Havana", "2026-11-01T04:00:00Z"),
        ("0001-01-02", "Asia/Tokyo", None),
        ("9999-12-30", "Etc/GMT+12", None),
    ],
)
def test_a_day_begins_with_its_first_moment(day: str, zone: str, begins: str | None) -> None:
    """In Beirut there is no midnight on that day, and in Havana there are two."""
    limit = Limit.at(date.fromisoformat(day), ZoneInfo(zone))

    assert limit.day == datetime.fromisoformat(f"{day}T00:00:00+00:00")
    assert begins is None or limit.moment == datetime.fromisoformat(begins)


def test_the_two_limits_are_never_two_days_apart() -> None:
    adapter: TypeAdapter[DayOrMoment] = TypeAdapter(DayOrMoment)
    for hours in range(-23, 24):
        zone = timezone(timedelta(hours=hours))
        value = datetime(2026, 12, 24, 23, 59, tzinfo=zone)
        limit = Limit.at(adapter.validate_python(value.isoformat()), UTC)
        assert abs(limit.moment - limit.day) < timedelta(days=2)
        assert limit.day == datetime(2026, 12, 24, tzinfo=UTC)
