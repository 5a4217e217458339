"""Making, configuring and launching a server: also after crashes, and when it cannot start."""

from pathlib import Path

import pytest

from tests.staging.embedded import ask, crash, postmaster
from wellhead.embedded import EmbeddedPostgres
from wellhead.errors import EmbeddedError, EmbeddedVersionError

pytestmark = pytest.mark.slow

PID_FILE = "pgdata/postmaster.pid"


def test_a_crashed_server_starts_again_with_what_was_committed(used_directory: Path) -> None:
    with EmbeddedPostgres(used_directory) as server:
        ask(server.url, "CREATE TABLE survived ()", "SELECT 1")
        crash(server)
        server.start()
        assert ask(server.url, "SELECT to_regclass('survived')::text") == "survived"
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


def test_an_interrupted_initdb_is_begun_again(new_server: EmbeddedPostgres) -> None:
    new_server.stop()
    (new_server.data_dir / "pgdata").rename(new_server.data_dir / "pgdata.0123abcd.partial")
    new_server.start()
    assert ask(new_server.url, "SELECT 1") == 1
    assert not list(new_server.data_dir.glob("*.partial"))


def test_data_of_another_major_version_is_refused_and_not_touched(
    new_server: EmbeddedPostgres, directory: Path
) -> None:
    new_server.stop()
    (directory / "pgdata" / "PG_VERSION").write_text("9\n")
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("pgdata/**/*")}
    with pytest.raises(
        EmbeddedVersionError, match="contains data of PostgreSQL 9, but the programs"
    ) as info:
        new_server.start()
    assert "bin_dir=" in str(info.value)
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("pgdata/**/*")} == before


def test_a_failed_start_shows_the_end_of_the_log(used_directory: Path) -> None:
    server = EmbeddedPostgres(used_directory, options={"shared_buffers": "plenty"})
    with pytest.raises(EmbeddedError, match='invalid value for parameter "shared_buffers"'):
        server.start()
    assert postmaster(used_directory) is None


def test_a_failed_start_can_be_mended(used_directory: Path) -> None:
    with pytest.raises(EmbeddedError):
        EmbeddedPostgres(used_directory, durable=False, options={"work_mem": "none"}).start()
    with EmbeddedPostgres(used_directory, durable=False) as server:
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
