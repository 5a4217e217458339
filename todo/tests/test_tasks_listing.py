"""Pages of tasks: every order, every size, ties and gaps, and lists that change while read."""

import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from httpx2 import AsyncClient
from sqlmodel import col, select
from staged import StagedAccount, task_of
from task_api import TaskAPI

from todo.accounts.models import User
from todo.models import new_id
from todo.paging import Position
from todo.tasks import listing, service
from todo.tasks.filters import TaskFilters
from todo.tasks.listing import ListedTask
from todo.tasks.models import Priority, Task
from todo.tasks.sorting import SortName
from todo.text import fold_words
from wellhead import Database

EVERY_SORT: list[SortName] = list(get_args(SortName))
DAY = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def api(client: AsyncClient, account: StagedAccount) -> TaskAPI:
    return TaskAPI(client, account)


@pytest.fixture
async def live(database: Database) -> AsyncIterator[Database]:
    async with database:
        yield database


def seeded(seed: str) -> random.Random:
    """The same choices in every run."""
    return random.Random(seed)  # noqa: S311 - no secret is made of it


async def make_tasks(live: Database, chance: random.Random, count: int) -> UUID:
    """Tasks of a new user with many ties and gaps, so that the id has to decide."""
    owner_id = new_id()
    async with live.session() as session:
        session.add(User(id=owner_id, email=f"{owner_id}@example.com", password_hash="-"))
        await session.flush()
        session.add_all(some_task(owner_id, chance) for _ in range(count))
    return owner_id


def some_task(owner_id: UUID, chance: random.Random) -> Task:
    moment = DAY + timedelta(seconds=chance.randrange(4), microseconds=chance.randrange(2))
    return task_of(
        owner_id,
        chance.choice(["a", "A", "Ä", "b", "Z", "z", "?!"]),
        priority=chance.choice(list(Priority)),
        due_date=chance.choice([None, None, moment]),
        completed_at=chance.choice([None, moment]),
        created_at=moment,
        updated_at=moment,
    )


async def walk(
    live: Database,
    owner_id: UUID,
    *,
    sort: SortName,
    limit: int,
    between: Callable[[], Any] | None = None,
) -> list[ListedTask]:
    """Every task that the pages of a list show, in their order."""
    seen: list[ListedTask] = []
    after: Position | None = None
    while True:
        tasks, after = await listing.page(
            live,
            owner_id=owner_id,
            filters=TaskFilters(),
            sort=sort,
            after=after,
            limit=limit,
        )
        assert len(tasks) == limit or after is None
        assert not {task.id for task in tasks} & {task.id for task in seen}
        seen.extend(tasks)
        if after is None:
            return seen
        if between is not None:
            await between()


def rank(sort: SortName) -> Callable[[Task], Any]:
    """The order that the documentation promises, said in Python."""
    field = sort.removeprefix("-")

    def key(task: Task) -> Any:
        if field == "priority":
            return list(Priority).index(task.priority)
        if field == "title":
            return fold_words(task.title)
        return getattr(task, field)

    return key


def in_order(tasks: list[Task], sort: SortName) -> list[UUID]:
    key = rank(sort)
    with_key = [task for task in tasks if key(task) is not None]
    without = [task for task in tasks if key(task) is None]
    is_descending = sort.startswith("-")
    with_key.sort(key=lambda task: (key(task), task.id), reverse=is_descending)
    without.sort(key=lambda task: task.id, reverse=is_descending)
    return [task.id for task in [*with_key, *without]]


@pytest.mark.parametrize("sort", EVERY_SORT)
async def test_pages_of_any_size_show_every_task_once_in_the_promised_order(
    live: Database, sort: SortName
) -> None:
    chance = seeded(f"sizes {sort}")
    owner_id = await make_tasks(live, chance, 40)
    async with live.reader() as reader:
        everything = list(
            (await reader.exec(select(Task).where(col(Task.user_id) == owner_id))).all()
        )
    promised = in_order(everything, sort)

    for limit in (1, 3, 7, 39, 40, 41):
        shown = await walk(live, owner_id, sort=sort, limit=limit)
        assert [task.id for task in shown] == promised


@pytest.mark.parametrize("sort", EVERY_SORT)
async def test_a_list_that_changes_while_it_is_read_shows_what_stays_exactly_once(
    live: Database, sort: SortName
) -> None:
    chance = seeded(f"changes {sort}")
    owner_id = await make_tasks(live, chance, 30)
    async with live.reader() as reader:
        everyone = (await reader.exec(select(Task.id).where(col(Task.user_id) == owner_id))).all()
    staying = set(chance.sample(sorted(everyone), 20))
    leaving = sorted(set(everyone) - staying)

    async def change() -> None:
        async with live.session() as session:
            session.add_all(some_task(owner_id, chance) for _ in range(chance.randrange(2)))
        if leaving:
            leaver = leaving.pop(chance.randrange(len(leaving)))
            await service.remove(live, owner_id=owner_id, task_id=leaver)

    shown = [task.id for task in await walk(live, owner_id, sort=sort, limit=2, between=change)]

    assert len(shown) == len(set(shown))
    assert staying <= set(shown)


async def test_the_task_that_a_cursor_names_may_be_deleted(api: TaskAPI) -> None:
    tasks = [await api.task(f"{number}") for number in range(4)]
    page = await api.expect(200, "GET", "/tasks", params={"limit": 2, "sort": "created_at"})
    await api.expect(204, "DELETE", f"/tasks/{tasks[1]['id']}")

    assert await api.titles(limit=2, sort="created_at", cursor=page["next_cursor"]) == ["2", "3"]


async def test_the_link_header_leads_to_the_next_page_until_the_last(api: TaskAPI) -> None:
    for number in range(5):
        await api.task(f"{number}", tags=["a", "b"])
    query, titles = "?limit=2&tag=a&tag=b&q=0%20or%201%20or%202%20or%203&sort=title", []
    while query:
        answer = await api.send("GET", f"/tasks{query}")
        titles.append([item["title"] for item in answer.json()["items"]])
        link = answer.headers.get("Link", "")
        assert link.endswith('>; rel="next"') or not link
        assert bool(link) == (answer.json()["next_cursor"] is not None)
        query = link.partition(">")[0].removeprefix("<")

    assert titles == [["0", "1"], ["2", "3"]]


@pytest.mark.parametrize(
    "change",
    [
        {"sort": "-created_at"},
        {"sort": "title"},
        {"completed": "false"},
        {"priority": "low"},
        {"q": "x"},
        {"tag": "x"},
        {"due_from": "2030-01-01T00:00:00Z"},
    ],
)
async def test_a_cursor_only_fits_the_list_it_came_from(
    api: TaskAPI, change: dict[str, str]
) -> None:
    for number in range(3):
        await api.task(f"{number}")
    query = {"limit": "1", "sort": "created_at"}
    page = await api.expect(200, "GET", "/tasks", params=query)
    follow = {**query, "cursor": page["next_cursor"]}

    assert await api.titles(**{**follow, "limit": "2"}) == ["1", "2"]
    assert list(await api.field_faults("GET", "/tasks", params={**follow, **change})) == [
        "query.cursor"
    ]


async def test_an_empty_list_is_one_empty_page(api: TaskAPI) -> None:
    answer = await api.send("GET", "/tasks")

    assert answer.json() == {"items": [], "next_cursor": None}
    assert "Link" not in answer.headers


async def test_a_list_shows_each_task_as_reading_it_does(api: TaskAPI) -> None:
    tasks = [await api.task(f"{number}", tags=["b", "a", "c"][:number]) for number in range(4)]
    page = await api.expect(200, "GET", "/tasks", params={"sort": "created_at"})

    assert page["items"] == tasks
