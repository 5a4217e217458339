"""The account that the server runs as: ours, or one without privileges when we are root."""

import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.staging.embedded import Owner, ask, postmaster
from wellhead.embedded import EmbeddedPostgres
from wellhead.embedded.account import server_account

pytestmark = pytest.mark.slow


def owner_of(pid: int | None) -> int:
    """The account of a process."""
    return int(subprocess.check_output(["/bin/ps", "-o", "uid=", "-p", str(pid)]))


def test_the_server_never_runs_as_root(postgres: EmbeddedPostgres) -> None:
    assert owner_of(postmaster(postgres.data_dir)) == server_account().uid
    assert server_account().uid != 0


if os.geteuid() != 0:

    def test_a_normal_user_runs_the_server_as_themselves() -> None:
        assert server_account().uid == os.geteuid()

else:
    _NORMAL = pwd.getpwnam("daemon").pw_uid
    """An account like a user's: neither root's nor the one that root would choose."""
    _NAMELESS = 54321

    def _find_python() -> str:
        """An interpreter that the account can run and that finds the library with our path."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        for python in (sys.executable, f"/usr/bin/python{version}"):
            try:
                subprocess.run(
                    [python, "-c", "import wellhead.embedded"],
                    env={"PYTHONPATH": os.pathsep.join(sys.path)},
                    user=_NORMAL,
                    group=_NORMAL,
                    extra_groups=[],
                    cwd="/",
                    capture_output=True,
                    check=True,
                )
            except (OSError, subprocess.CalledProcessError):
                continue
            return python
        return ""

    _PYTHON = _find_python()

    def test_root_hands_the_server_to_an_account_without_privileges() -> None:
        assert server_account().name in {"postgres", "nobody"}

    # A checkout below a closed directory has no interpreter for a normal user.
    if _PYTHON:

        @pytest.fixture
        def run_as(directory: Path) -> Callable[[int], Owner]:
            """Makes processes of an account that own the server of the account's directory."""
            directory.mkdir()

            def run(uid: int) -> Owner:
                os.chown(directory, uid, uid)
                return Owner(directory / "data", uid=uid, python=_PYTHON)

            return run

        def test_a_user_without_root_s_rights_runs_the_server_as_themselves(
            run_as: Callable[[int], Owner], directory: Path
        ) -> None:
            with run_as(_NORMAL) as owner:
                assert ask(owner.read_url(), "SELECT 1") == 1
                assert owner_of(postmaster(directory / "data")) == _NORMAL
                owner.finish()

        def test_root_and_a_normal_user_share_the_user_s_directory(
            run_as: Callable[[int], Owner], directory: Path
        ) -> None:
            with run_as(_NORMAL) as owner:
                url = owner.read_url()
                owner.finish()
            with EmbeddedPostgres(directory / "data", durable=False) as server:
                assert server.url == url
                assert owner_of(postmaster(directory / "data")) == _NORMAL
            with run_as(_NORMAL) as owner:
                assert owner.read_url() == url
                owner.finish()

        def test_an_account_without_a_name_is_told_that_it_needs_one(
            run_as: Callable[[int], Owner],
        ) -> None:
            with run_as(_NAMELESS) as owner:
                assert "PostgreSQL refuses to run as uid 54321" in owner.read_errors()

        def test_a_normal_user_is_told_that_a_directory_is_another_s(
            server: EmbeddedPostgres,
        ) -> None:
            with Owner(server.data_dir, uid=_NORMAL, python=_PYTHON) as owner:
                assert "EmbeddedError: " in (errors := owner.read_errors())
                assert "belongs to another account" in errors
