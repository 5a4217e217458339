"""What a list of tasks shows: each filter alone, all of them together, and the search."""

import pytest
from httpx2 import AsyncClient
from staged import StagedAccount
from task_api import TaskAPI


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


@pytest.fixture
def other(client: AsyncClient, other_account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, other_account)


async def test_a_list_holds_only_ones_own_tasks_the_newest_first(
    api: TaskAPI, other: TaskAPI
) -> None:
    await api.task("first")
    await other.task("theirs")
    await api.task("second")

    assert await api.titles() == ["second", "first"]


async def test_open_and_done_tasks_are_told_apart(api: TaskAPI) -> None:
    await api.task("open")
    await api.task("done", completed=True)

    assert await api.titles(completed="true") == ["done"]
    assert await api.titles(completed="false") == ["open"]


async def test_several_priorities_mean_any_of_them(api: TaskAPI) -> None:
    for priority in ("low", "medium", "high", "urgent"):
        await api.task(priority, priority=priority)

    assert await api.titles(priority="high") == ["high"]
    assert await api.titles(priority=["low", "urgent", "low"], sort="priority") == ["low", "urgent"]


async def test_several_tags_mean_all_of_them_without_regard_to_case(api: TaskAPI) -> None:
    await api.task("both", tags=["Größe", "work"])
    await api.task("one", tags=["work"])
    await api.task("none")

    assert await api.titles(tag="WORK", sort="title") == ["both", "one"]
    assert await api.titles(tag=["Work", "GRÖSSE"]) == ["both"]
    assert await api.titles(tag="unknown") == []


async def test_a_tag_of_somebody_else_finds_nothing(api: TaskAPI, other: TaskAPI) -> None:
    await other.task(tags=["theirs"])
    await api.task(tags=["mine"])

    assert await api.titles(tag="theirs") == []


async def test_a_due_range_begins_with_its_first_moment_and_ends_before_its_last(
    api: TaskAPI,
) -> None:
    for day in (1, 2, 3):
        await api.task(f"day {day}", due_date=f"2030-01-0{day}T00:00:00Z")
    await api.task("some day")
    second, third = "2030-01-02T00:00:00Z", "2030-01-03T01:00:00+01:00"

    assert await api.titles(due_from=second, sort="due_date") == ["day 2", "day 3"]
    assert await api.titles(due_before=third, sort="due_date") == ["day 1", "day 2"]
    assert await api.titles(due_from=second, due_before=third) == ["day 2"]
    assert await api.titles(due_from=second, due_before=second) == []


async def test_tasks_with_and_without_a_due_date_are_told_apart(api: TaskAPI) -> None:
    await api.task("day", due_date="2030-01-01")
    await api.task("time", due_date="2030-01-01T00:00:00Z")
    await api.task("never")

    assert await api.titles(has_due_date="false") == ["never"]
    assert await api.titles(has_due_date="true", sort="title") == ["day", "time"]
    assert await api.titles(has_due_date="false", due_from="2000-01-01") == []


async def test_tasks_with_and_without_tags_are_told_apart(api: TaskAPI) -> None:
    await api.task("two", tags=["a", "b"])
    await api.task("none")
    gone = await api.task("no longer", tags=["c"])
    await api.expect(204, "DELETE", f"/tags/{gone['tags'][0]['id']}")

    assert await api.titles(untagged="true", sort="title") == ["no longer", "none"]
    assert await api.titles(untagged="false") == ["two"]
    assert await api.titles(untagged="true", tag="a") == []


async def test_tasks_that_have_changed_since_a_time_are_found(api: TaskAPI) -> None:
    first, second = await api.task("first"), await api.task("second")
    then = second["updated_at"]

    assert await api.titles(updated_from=then) == ["second"]
    await api.expect(200, "PATCH", f"/tasks/{first['id']}", json={"priority": "high"})
    assert await api.titles(updated_from=then, sort="title") == ["first", "second"]


async def test_all_filters_must_hold_at_once(api: TaskAPI) -> None:
    wanted = {"priority": "high", "tags": ["a"], "due_date": "2030-01-01T00:00:00Z"}
    await api.task("milk", **wanted)
    await api.task("milk low", **{**wanted, "priority": "low"})
    await api.task("milk untagged", **{**wanted, "tags": []})
    await api.task("milk undated", **{**wanted, "due_date": None})
    await api.task("milk done", **wanted, completed=True)
    await api.task("bread", **wanted)

    assert await api.titles(
        completed="false", priority="high", tag="a", due_from="2029-01-01T00:00:00Z", q="milk"
    ) == ["milk"]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("oat milk", ["oat milk", "milk of the oat"]),
        ('"oat milk"', ["oat milk"]),
        ("milk -oat", ["milk"]),
        ("bread or oat", ["bread", "oat milk", "milk of the oat"]),
        ("the", ["milk of the oat"]),
        ("!?", []),
        ("'", []),
        ('"', []),
        ("-", []),
        ("((( & | ! :* <->", []),
        ("%", []),
        ("☃", []),
        ("-" * 200, []),
        ("bread or " + "(- " * 40 + "!", ["bread"]),
        ("- " * 16 + "bread", ["bread"]),
    ],
)
async def test_the_search_understands_what_web_searches_do(
    api: TaskAPI, q: str, found: list[str]
) -> None:
    for title in ("milk of the oat", "oat milk", "milk", "bread"):
        await api.task(title)

    assert await api.titles(q=q) == found


@pytest.mark.parametrize("q", ["", "  "])
async def test_a_blank_search_does_not_filter(api: TaskAPI, q: str) -> None:
    await api.task("milk")

    assert await api.titles(q=q) == ["milk"]


async def test_the_search_follows_changes(api: TaskAPI) -> None:
    task = await api.task("milk")
    await api.expect(200, "PATCH", f"/tasks/{task['id']}", json={"title": "bread"})

    assert await api.titles(q="milk") == []
    assert await api.titles(q="bread") == ["bread"]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"complete": "true"}, ["complete"]),
        ({"completed": "maybe"}, ["completed"]),
        ({"priority": "highest"}, ["priority.0"]),
        ({"tag": ["a", ""]}, ["tag.1"]),
        ({"tag": [str(number) for number in range(11)]}, ["tag"]),
        ({"due_from": "2030-02-30"}, ["due_from"]),
        ({"due_from": "01.01.2030"}, ["due_from"]),
        ({"due_from": "2030-01-02", "due_before": "2030-01-01T23:59:59Z"}, ["due_before"]),
        ({"due": "none"}, ["due"]),
        ({"untagged": "maybe"}, ["untagged"]),
        ({"updated_from": "2030-01-01"}, ["updated_from"]),
        ({"time_zone": "Europe"}, ["time_zone"]),
        ({"time_zone": "../../etc/passwd"}, ["time_zone"]),
        ({"time_zone": "/etc/passwd"}, ["time_zone"]),
        ({"time_zone": "localtime"}, ["time_zone"]),
        ({"time_zone": "tzdata.zi"}, ["time_zone"]),
        ({"time_zone": "A" * 5000}, ["time_zone"]),
        ({"time_zone": ""}, ["time_zone"]),
        ({"due_from": "2030-01-01T00:00:00"}, ["due_from"]),
        (
            {"due_from": "2030-01-02T00:00:00Z", "due_before": "2030-01-01T00:00:00Z"},
            ["due_before"],
        ),
        ({"q": "a" * 201}, ["q"]),
        ({"q": "a\x00b"}, ["q"]),
        ({"sort": "id"}, ["sort"]),
        ({"sort": "--title"}, ["sort"]),
        ({"limit": "0"}, ["limit"]),
        ({"limit": "101"}, ["limit"]),
        ({"limit": "9" * 5000}, ["limit"]),
        ({"limit": "ten"}, ["limit"]),
        ({"cursor": ""}, ["cursor"]),
        ({"cursor": "a\x00"}, ["cursor"]),
        ({"cursor": "A" * 5000}, ["cursor"]),
        ({"cursor": "AAAA", "limit": "0", "sort": "x"}, ["limit", "sort"]),
    ],
)
async def test_a_query_that_cannot_be_taken_is_named(
    api: TaskAPI, query: dict[str, str], fields: list[str]
) -> None:
    faults = await api.field_faults("GET", "/tasks", params=query)

    assert sorted(faults) == [f"query.{field}" for field in fields]


async def test_bytes_that_are_no_text_are_no_error_of_ours(api: TaskAPI) -> None:
    for raw in ("%ff", "%ED%A0%80", "%F4%90%80%80", "%C0%80"):
        for name in ("q", "tag"):
            assert (await api.send("GET", f"/tasks?{name}={raw}")).status_code in {200, 422}
