"""The signing key: given, or made once and kept."""

import logging
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from staged import KEY

from todo.accounts.keys import FILE_NAME, signing_key
from todo.settings import Settings
from wellhead import SettingsError


def test_a_given_key_is_used_and_nothing_is_written(tmp_path: Path) -> None:
    settings = Settings(jwt_secret_key=KEY, data_dir=tmp_path / "data")

    assert signing_key(settings) == KEY
    assert not (tmp_path / "data").exists()


def test_development_makes_a_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    key = signing_key(Settings(data_dir=tmp_path / "data"))

    file = tmp_path / "data" / FILE_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text(encoding="utf-8") == key
    assert len(key) >= 64


def test_the_key_is_kept_for_the_next_start(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    assert signing_key(settings) == signing_key(settings)


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: signing_key(settings), range(32)))

    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_making_a_key_is_said_in_the_log_without_the_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        key = signing_key(Settings(data_dir=tmp_path))

    assert "JWT_SECRET_KEY is not set" in caplog.text
    assert key not in caplog.text


def test_a_file_that_was_cut_off_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("", encoding="utf-8")

    with pytest.raises(SettingsError, match="contains 0 characters, which is not a secret"):
        signing_key(Settings(data_dir=tmp_path))
