"""The workers of one service: how they find each other, and what if one is silent."""

import contextlib
import logging
import os
import socket
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from wellhead.telemetry import workers as module
from wellhead.telemetry.private_directory import directory_for
from wellhead.telemetry.workers import FellowWorkers

LONG = "x" * 200_000
"""More than asyncio reads from a stream at a time."""


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the directories are; its path must be short, as that of a socket is."""
    with tempfile.TemporaryDirectory(prefix="w") as path:
        monkeypatch.setattr(tempfile, "tempdir", path)
        yield Path(path)


@pytest.fixture
def _as_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_worker", lambda: True)


def teller(told: object) -> FellowWorkers:
    workers = FellowWorkers("shop")
    workers.on("figures", lambda *details: [told, *details])
    return workers


def contents_of(path: Path) -> list[str]:
    return [each.name for each in path.iterdir()]


@pytest.fixture
async def both(_as_workers: None) -> AsyncIterator[tuple[FellowWorkers, FellowWorkers]]:
    async with teller("a") as first, teller(LONG) as second:
        yield first, second


async def test_a_process_on_its_own_opens_nothing(root: Path) -> None:
    async with teller("a") as alone:
        found, made = await alone.ask("figures"), contents_of(root)

    assert alone.directory is None
    assert (found.told, found.silent) == ({}, frozenset())
    assert made == []


async def test_each_can_ask_the_others(both: tuple[FellowWorkers, FellowWorkers]) -> None:
    first, second = both

    assert (await first.ask("figures", "of", "today")).told == {second.name: [LONG, "of", "today"]}
    assert (await second.ask("figures")).told == {first.name: ["a"]}


async def test_services_with_the_same_parent_do_not_mix(
    both: tuple[FellowWorkers, FellowWorkers],
) -> None:
    async with FellowWorkers("blog") as other:
        assert (await other.ask("figures")).told == {}
        assert len((await both[0].ask("figures")).told) == 1


async def test_a_question_that_it_does_not_know_gets_nothing(
    both: tuple[FellowWorkers, FellowWorkers],
) -> None:
    assert (await both[0].ask("weather")).told == {}


async def test_one_that_has_ended_is_not_asked(both: tuple[FellowWorkers, FellowWorkers]) -> None:
    first, _ = both
    async with teller("c") as third:
        assert third.name in (await first.ask("figures")).told

    assert third.name not in first.others


async def test_the_socket_of_one_that_was_killed_is_removed(
    both: tuple[FellowWorkers, FellowWorkers],
) -> None:
    first, _ = both
    assert first.directory is not None
    left = first.directory / "1-dead.sock"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as killed:
        killed.bind(str(left))
    found = await first.ask("figures")

    assert not left.exists()
    assert (len(found.told), found.silent) == (1, frozenset())


async def test_one_that_is_busy_is_not_waited_for(
    both: tuple[FellowWorkers, FellowWorkers], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = both
    assert first.directory is not None
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as busy:
        busy.bind(str(first.directory / "1-busy.sock"))
        busy.listen()
        found = await first.ask("figures")

    assert "1-busy" in found.silent


async def test_no_other_user_can_enter_the_directory(
    both: tuple[FellowWorkers, FellowWorkers],
) -> None:
    directory = both[0].directory
    assert directory is not None

    assert stat.S_IMODE(directory.stat().st_mode) == stat.S_IMODE(directory.parent.stat().st_mode)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.usefixtures("_as_workers")
@pytest.mark.parametrize("prepared", ["others", "link", "file"])
async def test_a_directory_that_others_may_have_made_is_not_used(
    prepared: str, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = root / f"wellhead-{os.geteuid()}"
    if prepared == "others":
        path.mkdir()
        path.chmod(0o777)
    elif prepared == "link":
        (root / "theirs").mkdir(mode=0o700)
        path.symlink_to(root / "theirs")
    else:
        path.touch()
    with caplog.at_level(logging.WARNING):
        async with teller("a") as alone:
            found = await alone.ask("figures")

    assert alone.directory is None
    assert alone.trouble
    assert found.told == {}
    assert [getattr(each, "event", "") for each in caplog.records] == ["workers_apart"]


def test_the_directories_of_parents_that_have_ended_are_removed(root: Path) -> None:
    directory = directory_for("shop")
    ended = directory.parent / f"{os.getppid()}-1-shop"
    ended.mkdir()
    (ended / "x.told").touch()
    again = directory_for("shop")

    assert again == directory
    assert [each.name for each in directory.parent.iterdir()] == [directory.name]
    assert root in directory.parents


@pytest.mark.usefixtures("_as_workers")
async def test_a_worker_is_told_before_the_others_lose_it() -> None:
    seen: list[Path | None] = []
    async with teller("a") as worker:
        worker.on_close(lambda: seen.append(worker.directory))

    assert seen[0] is not None
    assert worker.directory is None
