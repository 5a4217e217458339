"""The directory: whose it is, what else may lie in it, and where it is when out of reach."""

import json
import os
from pathlib import Path

import pytest

from tests.staging.embedded import ask
from wellhead.embedded import EmbeddedPostgres
from wellhead.errors import EmbeddedError

pytestmark = pytest.mark.slow


def test_a_directory_with_something_else_in_it_is_refused_and_not_touched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    before = tmp_path.stat()
    with pytest.raises(
        EmbeddedError, match=r"not empty and contains no server of Wellhead.*notes\.txt"
    ):
        EmbeddedPostgres(tmp_path).start()
    assert list(tmp_path.iterdir()) == [tmp_path / "notes.txt"]
    assert tmp_path.stat() == before


def test_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(EmbeddedError, match="is a file, not a directory"):
        EmbeddedPostgres(file).start()


def test_a_directory_that_cannot_be_made_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match=r"cannot start: .*file"):
        EmbeddedPostgres(tmp_path / "file" / "below").start()


def test_a_damaged_state_is_named(new_server: EmbeddedPostgres) -> None:
    new_server.stop()
    (new_server.data_dir / "server.json").write_text("{")
    with pytest.raises(EmbeddedError, match=r"server\.json is damaged"):
        new_server.start()


def test_a_password_that_was_changed_behind_our_back_is_an_error_without_it(
    new_server: EmbeddedPostgres,
) -> None:
    new_server.stop()
    file = new_server.data_dir / "server.json"
    state = json.loads(file.read_text()) | {"password": "changed"}
    file.write_text(json.dumps(state))
    with pytest.raises(EmbeddedError, match="password authentication failed") as info:
        new_server.start()
    assert "changed" not in str(info.value)


def test_no_half_written_file_stays(new_server: EmbeddedPostgres) -> None:
    assert not list(new_server.data_dir.glob("*.partial"))
    assert not (new_server.data_dir / "initdb-password").exists()


if os.geteuid() == 0:
    # Only root has an account that cannot follow it.

    @pytest.fixture
    def closed(tmp_path: Path) -> Path:
        """A directory below one that only root can enter."""
        tmp_path.chmod(0o700)
        return tmp_path / "closed"

    def test_data_lies_elsewhere_when_the_account_cannot_enter(
        closed: Path, shared_root: Path
    ) -> None:
        with EmbeddedPostgres(closed, durable=False) as server:
            assert server.data_dir.parent == shared_root / "data"
            assert ask(server.url, "SELECT 1") == 1

    @pytest.mark.usefixtures("shared_root")
    def test_data_that_lies_elsewhere_is_found_again(closed: Path) -> None:
        with EmbeddedPostgres(closed, durable=False) as first:
            where = first.data_dir, first.url
        with EmbeddedPostgres(closed, durable=False) as second:
            assert (second.data_dir, second.url) == where

    @pytest.mark.usefixtures("shared_root")
    def test_removing_the_directory_forgets_the_data_that_lies_elsewhere(closed: Path) -> None:
        with EmbeddedPostgres(closed, durable=False) as first:
            where = first.data_dir
        (closed / "moved-to").unlink()
        with EmbeddedPostgres(closed, durable=False) as second:
            assert second.data_dir != where
