"""What `EmbeddedPostgres` promises to the program that starts it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import pytest

from tests.staging.embedded import ask, postmaster
from wellhead.embedded import EmbeddedPostgres
from wellhead.errors import ConfigurationError, EmbeddedError

pytestmark = pytest.mark.slow


def test_the_url_opens_a_database_over_tcp(postgres: EmbeddedPostgres) -> None:
    assert ask(postgres.url, "SELECT current_database()::text") == "wellhead"
    assert ask(postgres.url, "SELECT host(inet_server_addr())") == "127.0.0.1"
    assert ask(postgres.url, "SELECT inet_server_port()") == postgres.port


def test_a_wrong_password_is_refused(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(postgres.url.replace(postgres.password, "wrong"), "SELECT 1")
    assert ask(postgres.url, "SHOW password_encryption") == "scram-sha-256"


def test_nothing_listens_but_the_one_address(postgres: EmbeddedPostgres) -> None:
    assert ask(postgres.url, "SHOW listen_addresses") == "127.0.0.1"
    assert ask(postgres.url, "SHOW unix_socket_directories") == ""


def test_text_is_utf8_and_sorts_by_code_point(postgres: EmbeddedPostgres) -> None:
    assert ask(postgres.url, "SHOW server_encoding") == "UTF8"
    letters = "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{é,b,Z}'::text[]) AS x"
    assert ask(postgres.url, letters) == "Zbé"
    assert ask(postgres.url, "SELECT upper('é')") == "É"


def test_it_says_what_runs_and_where(server: EmbeddedPostgres, used_directory: Path) -> None:
    assert server.version == ask(server.url, "SHOW server_version")
    assert (server.bin_dir / "pg_dump").exists()
    assert server.data_dir == used_directory
    assert "ready to accept connections" in server.log_file.read_text()


def test_neither_the_object_nor_the_log_shows_the_password(postgres: EmbeddedPostgres) -> None:
    assert postgres.password not in repr(postgres) + postgres.log_file.read_text()


def test_only_its_owner_can_read_the_directory(postgres: EmbeddedPostgres) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in postgres.data_dir.iterdir()}
    assert postgres.data_dir.stat().st_mode & 0o777 == 0o700
    assert modes.pop("pgdata") == 0o700
    assert set(modes.values()) == {0o600}


def test_the_environment_of_the_owner_does_not_reach_the_server(
    used_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("JWT_SECRET_KEY", "not for the server")
    with EmbeddedPostgres(used_directory, durable=False) as server:
        seen = ask(
            server.url,
            "CREATE TEMP TABLE variables (line text)",
            "COPY variables FROM PROGRAM 'env'",
            "SELECT string_agg(line, ' ') FROM variables",
        )
    assert "PATH=" in seen
    assert "JWT_SECRET_KEY" not in seen


def test_data_password_and_port_stay_between_runs(
    server: EmbeddedPostgres, other_server: EmbeddedPostgres
) -> None:
    url = server.url
    ask(url, "CREATE TABLE stored ()", "SELECT 1")
    server.stop()
    with other_server:
        assert other_server.url == url
        assert ask(url, "SELECT to_regclass('stored')::text") == "stored"


def test_stop_waits_until_the_server_has_gone(
    server: EmbeddedPostgres, used_directory: Path
) -> None:
    url = server.url
    server.stop()
    assert postmaster(used_directory) is None
    with pytest.raises(ConnectionRefusedError):
        ask(url, "SELECT 1")


def test_a_directory_that_was_removed_under_the_server_is_an_error_in_words(
    directory: Path,
) -> None:
    server = EmbeddedPostgres(directory, durable=False)
    server.start()
    pid = postmaster(directory)
    assert pid is not None
    shutil.rmtree(directory)
    try:
        with pytest.raises(EmbeddedError, match="could not be stopped cleanly"):
            server.stop()
    finally:
        os.kill(pid, signal.SIGQUIT)


def test_start_and_stop_may_be_called_again(server: EmbeddedPostgres, used_directory: Path) -> None:
    before = postmaster(used_directory)
    server.start()
    assert postmaster(used_directory) == before
    server.stop()
    server.stop()
    server.start()
    assert ask(server.url, "SELECT 1") == 1


async def test_it_starts_inside_a_running_event_loop(other_server: EmbeddedPostgres) -> None:
    with other_server:
        connection = await asyncpg.connect(other_server.url)
        await connection.close()


def test_a_stopped_server_has_no_url(other_server: EmbeddedPostgres) -> None:
    with pytest.raises(EmbeddedError, match="not started"):
        _ = other_server.url


def test_a_relative_directory_is_that_of_the_construction(
    public_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(public_directory)
    server = EmbeddedPostgres(Path("relative"), durable=False)
    monkeypatch.chdir("/")
    with server:
        assert server.data_dir == public_directory / "relative"


def test_a_directory_may_have_a_difficult_name(public_directory: Path) -> None:
    with EmbeddedPostgres(public_directory / "it's a dîr; #1 & more", durable=False) as server:
        assert ask(server.url, "SELECT 1") == 1


def test_a_name_that_a_shell_would_read_is_refused(public_directory: Path) -> None:
    with pytest.raises(EmbeddedError, match="through a shell"):
        EmbeddedPostgres(public_directory / "$HOME").start()
    assert not (public_directory / "$HOME").exists()


@pytest.mark.usefixtures("server")
def test_another_database_is_made_where_it_is_missing(used_directory: Path) -> None:
    with EmbeddedPostgres(used_directory, database='odd "name"/?') as other:
        assert ask(other.url, "SELECT current_database()::text") == 'odd "name"/?'


@pytest.mark.usefixtures("server")
def test_another_user_than_the_directory_s_own_is_refused(used_directory: Path) -> None:
    with pytest.raises(EmbeddedError, match="belongs to the user 'wellhead', not to 'me'"):
        EmbeddedPostgres(used_directory, user="me").start()


def test_options_become_settings_of_the_server(used_directory: Path) -> None:
    options: Mapping[str, str] = {"cluster_name": r"it's \n here", "work_mem": "5MB"}
    with EmbeddedPostgres(used_directory, durable=False, options=options) as server:
        assert ask(server.url, "SHOW cluster_name") == r"it's \n here"
        assert ask(server.url, "SHOW work_mem") == "5MB"


def test_options_that_have_an_argument_of_their_own_are_refused(directory: Path) -> None:
    with pytest.raises(ConfigurationError, match="may not set port"):
        EmbeddedPostgres(directory, options={"port": "1"})


def test_commits_are_durable_unless_told_otherwise(
    server: EmbeddedPostgres, used_directory: Path
) -> None:
    assert ask(server.url, "SHOW fsync") == "off"
    server.stop()
    with EmbeddedPostgres(used_directory) as durable:
        assert ask(durable.url, "SHOW fsync") == "on"


def test_windows_is_refused_in_words() -> None:
    program = "import sys, wellhead; sys.platform = 'win32'; import wellhead.embedded"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "EmbeddedError: The embedded PostgreSQL needs Linux or macOS." in answer.stderr
