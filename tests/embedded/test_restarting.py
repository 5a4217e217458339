"""A server that dies while it is used: it comes back, or its clients are refused at once."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.staging.embedded import ask, count_in_log, crash, postmaster
from tests.staging.patience import until
from wellhead.embedded import EmbeddedPostgres, restarting
from wellhead.errors import EmbeddedError

pytestmark = pytest.mark.slow

STARTED = "database system is ready to accept connections"


@pytest.fixture
def restarted(used_directory: Path) -> Iterator[EmbeddedPostgres]:
    """A started server that is started again when it dies."""
    with EmbeddedPostgres(used_directory, durable=False, restart=True) as server:
        yield server


@pytest.fixture
def spoilt(directory: Path) -> Iterator[EmbeddedPostgres]:
    """The same with data of its own, which cannot be used any more."""
    with EmbeddedPostgres(directory, durable=False, restart=True) as server:
        (directory / "pgdata" / "global").rename(directory / "gone")
        yield server


def said(caplog: pytest.LogCaptureFixture, event: str) -> list[str]:
    """The log lines of one event."""
    found = (each for each in caplog.records if getattr(each, "event", None) == event)
    return [each.getMessage() for each in found]


def processes_of(pid: int) -> list[int]:
    """A server's process and those that it has started."""
    listing = subprocess.run(
        ["/bin/ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = [tuple(map(int, line.split())) for line in listing.stdout.splitlines()]
    return [pid, *(child for child, parent in pairs if parent == pid)]


async def test_a_killed_server_comes_back_with_its_data_on_its_port(
    restarted: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    url = restarted.url
    # Without durability only a checkpoint makes the table survive.
    await asyncio.to_thread(ask, url, "CREATE TABLE IF NOT EXISTS kept ()", "CHECKPOINT")

    crash(restarted)
    await until(lambda: said(caplog, "embedded_restarted"))

    assert await asyncio.to_thread(ask, url, "SELECT to_regclass('kept')::text") == "kept"
    assert len(said(caplog, "embedded_restarted")) == 1


async def connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(url)


async def test_it_comes_back_again_when_all_its_processes_are_killed(
    restarted: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        pid = postmaster(restarted.data_dir)
        assert pid is not None
        for each in processes_of(pid):
            os.kill(each, signal.SIGKILL)
        await until(lambda: said(caplog, "embedded_restarted"))
        caplog.clear()

        await (await connect(restarted.url)).close()


async def test_two_owners_start_it_again_once(
    restarted: EmbeddedPostgres, used_directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedPostgres(used_directory, durable=False, restart=True):
        before = count_in_log(used_directory, STARTED)
        crash(restarted)
        await until(lambda: len(said(caplog, "embedded_restarted")) == 2)

    assert count_in_log(used_directory, STARTED) == before + 1


async def test_clients_of_one_that_cannot_come_back_are_refused_with_the_reason(
    spoilt: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    crash(spoilt)
    await until(lambda: said(caplog, "embedded_lost"))

    [line] = said(caplog, "embedded_lost")
    assert f"PostgreSQL in {spoilt.data_dir} has ended and cannot be started again" in line
    await until(lambda: is_open(spoilt.port))
    for url in (spoilt.url, f"{spoilt.url}?sslmode=disable"):
        with pytest.raises(asyncpg.PostgresError, match="cannot be started again") as caught:
            await connect(url)
        assert caught.value.sqlstate == "08004"
    assert said(caplog, "embedded_lost") == [line]


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    "sent",
    [b"", b"\0", b"\xff" * 8, b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x08\x04\xd2\x16\x2f"],
)
async def test_what_else_a_client_sends_then_keeps_no_other_waiting(
    spoilt: EmbeddedPostgres, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    crash(spoilt)
    await until(lambda: said(caplog, "embedded_lost") and is_open(spoilt.port))
    with socket.create_connection(("127.0.0.1", spoilt.port)) as odd:
        odd.sendall(sent)

        with pytest.raises(asyncpg.PostgresError, match="cannot be started again"):
            await connect(spoilt.url)


async def test_a_server_whose_data_is_missing_is_not_created_again(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedPostgres(directory, durable=False, restart=True) as server:
        pid = postmaster(directory)
        assert pid is not None
        (directory / "pgdata").rename(directory / "elsewhere")
        os.kill(pid, signal.SIGKILL)
        await until(lambda: said(caplog, "embedded_lost") and is_open(server.port))

        [line] = said(caplog, "embedded_lost")
        port = server.port

    assert line.endswith(f"{directory / 'pgdata'} is missing.")
    assert not (directory / "pgdata").exists()
    assert not is_open(port)


async def test_a_directory_that_is_gone_is_told_once_and_at_the_end(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = EmbeddedPostgres(directory, durable=False, restart=True)
    server.start()
    pid = postmaster(directory)
    assert pid is not None
    shutil.rmtree(directory)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: said(caplog, "embedded_lost"))

    with pytest.raises(EmbeddedError, match="could not be stopped cleanly"):
        server.stop()


async def test_one_that_dies_again_and_again_is_given_up(
    used_directory: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restarting, "_MOST_RESTARTS", 1)
    monkeypatch.setattr(restarting, "_WINDOW_SECONDS", 3600.0)
    with EmbeddedPostgres(used_directory, durable=False, restart=True) as server:
        crash(server)
        await until(lambda: said(caplog, "embedded_restarted"))
        crash(server)
        await until(lambda: said(caplog, "embedded_lost"))

    assert len(said(caplog, "embedded_restarted")) == 1
    assert "It has ended 2 times within " in said(caplog, "embedded_lost")[0]


def test_one_that_is_stopped_is_not_started_again(
    used_directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = threading.active_count()
    server = EmbeddedPostgres(used_directory, durable=False, restart=True)
    for _ in range(2):
        server.start()
    assert threading.active_count() == before + 1
    assert ask(server.url, "SELECT 1") == 1
    server.stop()

    assert threading.active_count() == before
    assert postmaster(used_directory) is None
    assert not said(caplog, "embedded_restarted")
