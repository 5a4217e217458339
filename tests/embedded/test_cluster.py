"""Making, configuring and launching a server: also after crashes, and when it cannot start."""

from pathlib import Path

import pytest

from tests.staging.embedded import ask, crash, postmaster
from wellhead.embedded import EmbeddedPostgres
from wellhead.errors import EmbeddedError

PID_FILE = "pgdata/postmaster.pid"


def test_a_crashed_server_starts_again_with_what_was_committed(directory: Path) -> None:
    with EmbeddedPostgres(directory) as server:
        ask(server.url, "CREATE TABLE kept ()", "SELECT 1")
        crash(server)
        server.start()
        assert ask(server.url, "SELECT to_regclass('kept')::text") == "kept"
        assert "was not properly shut down" in server.log_file.read_text()


def test_the_process_number_of_a_dead_server_may_belong_to_a_stranger(
    server: EmbeddedPostgres, postgres: EmbeddedPostgres
) -> None:
    crash(server)
    _, _, rest = (server.data_dir / PID_FILE).read_text().partition("\n")
    (server.data_dir / PID_FILE).write_text(f"{postmaster(postgres.data_dir)}\n{rest}")
    server.start()
    assert ask(server.url, "SELECT 1") == 1
    assert ask(postgres.url, "SELECT 1") == 1


@pytest.mark.parametrize("content", ["", "\n", "not a number\n"])
def test_a_damaged_process_file_does_not_stop_the_start(
    server: EmbeddedPostgres, content: str
) -> None:
    server.stop()
    (server.data_dir / PID_FILE).write_text(content)
    server.start()
    assert ask(server.url, "SELECT 1") == 1


def test_an_interrupted_initdb_is_begun_again(server: EmbeddedPostgres) -> None:
    server.stop()
    (server.data_dir / "pgdata").rename(server.data_dir / "pgdata.0123abcd.partial")
    server.start()
    assert ask(server.url, "SELECT 1") == 1
    assert not list(server.data_dir.glob("*.partial"))


def test_data_of_another_major_version_is_refused_and_not_touched(
    server: EmbeddedPostgres, directory: Path
) -> None:
    server.stop()
    (directory / "pgdata" / "PG_VERSION").write_text("9\n")
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("pgdata/**/*")}
    with pytest.raises(EmbeddedError, match="holds data of PostgreSQL 9, and the programs") as info:
        server.start()
    assert "bin_dir=" in str(info.value)
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("pgdata/**/*")} == before


def test_a_failed_start_shows_the_end_of_the_log(directory: Path) -> None:
    server = EmbeddedPostgres(directory, options={"shared_buffers": "plenty"})
    with pytest.raises(EmbeddedError, match='invalid value for parameter "shared_buffers"'):
        server.start()
    assert postmaster(directory) is None


def test_a_failed_start_can_be_mended(directory: Path) -> None:
    with pytest.raises(EmbeddedError):
        EmbeddedPostgres(directory, durable=False, options={"work_mem": "none"}).start()
    with EmbeddedPostgres(directory, durable=False) as server:
        assert ask(server.url, "SELECT 1") == 1


def test_a_failed_initdb_shows_what_it_said_and_leaves_nothing(directory: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"initdb failed.*\n.*superuser name \"pg_me\""):
        EmbeddedPostgres(directory, user="pg_me").start()
    assert not list(directory.glob("pgdata*"))


def test_a_long_log_is_put_aside(server: EmbeddedPostgres) -> None:
    server.stop()
    log = server.data_dir / "server.log"
    log.write_text("old\n" * 1_000_001)
    server.start()
    assert "old" not in log.read_text()
    assert log.with_suffix(".log.1").read_text().startswith("old\n")
