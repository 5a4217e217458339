"""A backup is one moment of the database, however much is written meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from backups import add_accounts, execute, names_in, rows_of
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


@pytest.fixture
def other_urls(databases: Databases) -> Iterator[tuple[str, str]]:
    """The URLs of two more databases, empty."""
    urls = databases.create(), databases.create()
    yield urls
    for url in urls:
        databases.drop(url)


class Load:
    """Clients that create tasks with two new tags each, and change and delete some.

    Attributes:
        sent: The titles that were sent.
        created: The titles that were acknowledged.
        deleted: Those whose deletion was acknowledged.
    """

    def __init__(self, api: TaskAPI) -> None:
        self._api = api
        self._numbers = count()
        self._is_over = False
        self.sent: set[str] = set()
        self.created: set[str] = set()
        self.deletion_sent: set[str] = set()
        self.deleted: set[str] = set()

    async def write(self) -> None:
        """Write until it is over."""
        while not self._is_over:
            number = next(self._numbers)
            title = f"task {number}"
            self.sent.add(title)
            task = await self._api.task(title, tags=[f"a{number}", f"b{number}"])
            self.created.add(title)
            if number % 5 == 0:
                self.deletion_sent.add(title)
                await self._api.expect(204, "DELETE", f"/tasks/{task['id']}")
                self.deleted.add(title)

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
        """Return when more was acknowledged."""
        enough = len(self.created) + 2 * WRITERS
        await until(lambda: len(self.created) >= enough)


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[TaskAPI]:
    """The API of a running server, for a new account."""
    async with serve(app) as base_url, AsyncClient(base_url=base_url, verify=False) as client:
        yield TaskAPI(client, await add_account(app))


@pytest.fixture
def load(api: TaskAPI) -> Load:
    return Load(api)


async def restored_rows(url: str, path: Path) -> dict[str, list[dict[str, Any]]]:
    await asyncio.to_thread(restore_backup, DatabaseSettings(url=url), path)
    return await rows_of(url)


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
        created, deleted = set(load.created), set(load.deleted)
        await take_backup(settings, tmp_path / "busy")
        sent, deletion_sent = set(load.sent), set(load.deletion_sent)
    monkeypatch.undo()
    await take_backup(settings, tmp_path / "quiet")

    busy = await restored_rows(other_urls[0], tmp_path / "busy")
    names = {row["id"]: row["name"] for row in busy["tags"]}
    tags_of: dict[str, set[str]] = {row["id"]: set() for row in busy["tasks"]}
    for row in busy["task_tags"]:
        tags_of[row["task_id"]].add(names[row["tag_id"]])
    titles = {row["title"] for row in busy["tasks"]}
    assert created - deletion_sent <= titles <= sent
    assert not titles & deleted
    assert load.created > created
    halves = {
        row["title"]
        for row in busy["tasks"]
        if tags_of[row["id"]] != {f"{letter}{row['title'][5:]}" for letter in "ab"}
    }
    assert halves == set()

    quiet = await restored_rows(other_urls[1], tmp_path / "quiet")
    assert {row["title"] for row in quiet["tasks"]} == load.created - load.deleted
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
