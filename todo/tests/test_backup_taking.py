"""A backup is one moment of the database, however much is written meanwhile."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from backups import Rows, add_accounts, execute, names_in, rows_of
from fastapi import FastAPI
from following import changes_since
from httpx2 import AsyncClient
from staged import add_account
from task_api import TaskAPI

from tests.staging.databases import Databases
from tests.staging.patience import until
from tests.staging.scripts import guest
from tests.staging.server import serve
from todo.backup.copying import copy_out
from todo.backup.errors import BackupError
from todo.backup.restoring import restore_backup
from todo.backup.taking import take_backup
from wellhead import DatabaseSettings, URLError

pytestmark = pytest.mark.wellhead(commit=True)

WRITERS = 4
WRITES = ("create", "change", "delete", "bulk complete", "bulk delete")


@pytest.fixture
def other_urls(databases: Databases) -> Iterator[tuple[str, str]]:
    """The URLs of two more databases, empty."""
    urls = databases.create(), databases.create()
    yield urls
    for url in urls:
        databases.drop(url)


@dataclass(frozen=True, slots=True)
class State:
    """What clients change in a task."""

    description: str | None = None
    is_completed: bool = False


class Load:
    """Clients that create tasks with two new tags each, and change, complete and delete them.

    Attributes:
        states: What each task was to become, by title and in this order; None is deleted.
        acknowledged: How many of these were.
        batches: The titles that were completed at once; the first two were then deleted at once.
        done: How often something was acknowledged, by what it was.
    """

    def __init__(self, api: TaskAPI) -> None:
        self._api = api
        self._numbers = count()
        self._is_over = False
        self.states: defaultdict[str, list[State | None]] = defaultdict(list)
        self.acknowledged: Counter[str] = Counter()
        self.batches: list[list[str]] = []
        self.done: Counter[str] = Counter()

    async def write(self) -> None:
        """Write until it is over."""
        while not self._is_over:
            ids = dict([await self._create() for _ in range(5)])
            titles = list(ids)
            changed, deleted, *batch = titles
            note = {"description": f"of {changed}"}
            path = "/tasks/{}".format
            await self._do(
                "change", [changed], State(note["description"]),
                self._api.expect(200, "PATCH", path(ids[changed]), json=note),
            )  # fmt: skip
            await self._do(
                "delete", [deleted], None, self._api.expect(204, "DELETE", path(ids[deleted]))
            )
            self.batches.append(batch)
            for action, chosen, state in (
                ("complete", batch, State(is_completed=True)), ("delete", batch[:2], None),
            ):  # fmt: skip
                body = {"action": action, "ids": [ids[title] for title in chosen]}
                await self._do(
                    f"bulk {action}", chosen, state,
                    self._api.expect(200, "POST", "/tasks/bulk", json=body),
                )  # fmt: skip

    async def _create(self) -> tuple[str, str]:
        number = next(self._numbers)
        title = f"task {number}"
        creation = self._api.task(title, tags=[f"a{number}", f"b{number}"])
        task = await self._do("create", [title], State(), creation)
        return title, task["id"]

    async def _do(
        self, name: str, titles: Sequence[str], state: State | None, request: Awaitable[Any]
    ) -> Any:
        for title in titles:
            self.states[title].append(state)
        answer = await request
        self.acknowledged.update(titles)
        self.done[name] += 1
        return answer

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write in the block, with several clients at a time."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(self.write())
            await self.more()
            try:
                yield
            finally:
                self._is_over = True

    async def more(self) -> None:
        """Return when something of each kind was acknowledged again."""
        before = self.done.copy()
        await until(lambda: all(self.done[name] > before[name] for name in WRITES))


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[TaskAPI]:
    """The API of a running server, for a new account."""
    async with serve(app) as base_url, AsyncClient(base_url=base_url, verify=False) as client:
        yield TaskAPI(client, await add_account(app))


@pytest.fixture
def load(api: TaskAPI) -> Load:
    return Load(api)


async def restored_rows(url: str, path: Path) -> Rows:
    await asyncio.to_thread(restore_backup, DatabaseSettings(url=url), path)
    return await rows_of(url)


def states_in(rows: Rows) -> dict[str, State]:
    """What has become of each task."""
    return {
        row["title"]: State(row["description"], row["completed_at"] is not None)
        for row in rows["tasks"]
    }


async def test_taken_under_load_it_has_all_that_was_acknowledged_and_nothing_by_halves(
    load: Load,
    wellhead_url: str,
    other_urls: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = DatabaseSettings(url=wellhead_url)

    async def copied_late(*arguments: Any) -> int:
        # Between any two tables something is written to all of them.
        await load.more()
        return await copy_out(*arguments)

    monkeypatch.setattr("todo.backup.taking.copy_out", copied_late)
    async with load.running():
        at_least = load.acknowledged.copy()
        await take_backup(settings, tmp_path / "busy")
        at_most = {title: len(states) for title, states in load.states.items()}
    monkeypatch.undo()
    await take_backup(settings, tmp_path / "quiet")

    busy = await restored_rows(other_urls[0], tmp_path / "busy")
    found = states_in(busy)
    assert found.keys() <= at_most.keys()
    for title, most in at_most.items():
        # Before it was created it was not there.
        possible = [None, *load.states[title]][at_least[title] : most + 1]
        assert found.get(title) in possible, title
    for first, second, last in ([found.get(title) for title in batch] for batch in load.batches):
        there = [state for state in (first, second, last) if state is not None]
        assert len({state.is_completed for state in there}) <= 1
        if last is not None and last.is_completed:
            assert (first is None) == (second is None)
    names = {row["id"]: row["name"] for row in busy["tags"]}
    tags_of: dict[str, set[str]] = {row["id"]: set() for row in busy["tasks"]}
    for row in busy["task_tags"]:
        tags_of[row["task_id"]].add(names[row["tag_id"]])
    for row in busy["tasks"]:
        assert tags_of[row["id"]] == {f"{letter}{row['title'][5:]}" for letter in "ab"}

    quiet = await restored_rows(other_urls[1], tmp_path / "quiet")
    assert load.acknowledged == {title: len(states) for title, states in load.states.items()}
    last_states = {title: states[-1] for title, states in load.states.items()}
    assert states_in(quiet) == {title: state for title, state in last_states.items() if state}
    assert quiet == await rows_of(wellhead_url)


async def test_a_client_that_has_seen_more_than_was_restored_begins_again(
    api: TaskAPI, wellhead_url: str, tmp_path: Path
) -> None:
    settings = DatabaseSettings(url=wellhead_url)
    await api.task("kept")
    gone = await api.task("gone")
    await api.expect(204, "DELETE", f"/tasks/{gone['id']}")
    await take_backup(settings, tmp_path / "b")
    await api.task("lost")
    seen = (await changes_since(api))["next_since"]

    await asyncio.to_thread(restore_backup, settings, tmp_path / "b", replace=True)

    refused = await api.send("GET", "/changes", params={"since": seen})
    everything = await changes_since(api)
    restored = (await api.expect(200, "POST", f"/tasks/{gone['id']}/restore"))["title"]
    assert refused.status_code == 410
    assert [task["title"] for task in everything["tasks"]] == ["kept"]
    assert restored == "gone"


async def test_tables_of_others_are_named_and_left_out(wellhead_url: str, tmp_path: Path) -> None:
    await execute(wellhead_url, "CREATE TABLE guests (id int)")

    taken, others = await take_backup(DatabaseSettings(url=wellhead_url), tmp_path / "b")

    assert others == ["guests"]
    assert "guests" not in {table.name for table in taken.tables}


async def test_a_row_that_a_policy_hides_stops_it(wellhead_url: str, tmp_path: Path) -> None:
    await add_accounts(wellhead_url, count=1, tasks=1)
    with guest(wellhead_url, str(urlsplit(wellhead_url).password)) as url:
        await execute(
            wellhead_url,
            f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {urlsplit(url).username}",
            "ALTER TABLE tasks ENABLE ROW LEVEL SECURITY",
        )
        with pytest.raises(BackupError, match=r"No backup was written.*SQLSTATE 42501"):
            await take_backup(DatabaseSettings(url=url), tmp_path / "b")
    assert names_in(tmp_path) == []


async def test_a_database_without_tables_has_nothing_to_back_up(
    database_url: str, tmp_path: Path
) -> None:
    with pytest.raises(BackupError, match="nothing to back up"):
        await take_backup(DatabaseSettings(url=database_url), tmp_path / "b")
    assert names_in(tmp_path) == []


async def test_one_of_a_newer_program_is_left_to_that(wellhead_url: str, tmp_path: Path) -> None:
    await execute(wellhead_url, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(BackupError, match=r"ahead: .* Use the program that has migrated it"):
        await take_backup(DatabaseSettings(url=wellhead_url), tmp_path / "b")


async def test_a_pooler_whose_database_is_not_known_is_refused(tmp_path: Path) -> None:
    pooled = DatabaseSettings(url="postgresql://u:p@pooler.example/db?pgbouncer=true")

    with pytest.raises(URLError):
        await take_backup(pooled, tmp_path / "b")
    assert names_in(tmp_path) == []
