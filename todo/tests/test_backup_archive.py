"""The file of a backup: whole and unchanged, or refused."""

import stat
from pathlib import Path

import pytest

from todo.backup.archive import Archive, ArchiveWriter, Manifest, TableRows, new_file, open_archive
from todo.backup.errors import BackupError
from todo.models import utc_now

ROWS = {"users": b"1\tAda\n2\tBob\n", "tags": b"", "tasks": b"7\t1\n"}


def write(path: Path) -> Manifest:
    """Write an archive of three tables."""
    tables = tuple(
        TableRows(name=name, columns=("a", "b"), rows=rows.count(b"\n"), size=len(rows))
        for name, rows in ROWS.items()
    )
    manifest = Manifest(
        revision="0003",
        created_at=utc_now(),
        app_version="1.2.3",
        server_version="17.10",
        tables=tables,
    )
    with new_file(path, overwrite=False) as file:
        writer = ArchiveWriter(file)
        for rows in ROWS.values():
            writer.write(rows)
        writer.finish(manifest)
    return manifest


def content(archive: Archive) -> dict[str, bytes]:
    return {table.name: b"".join(blocks) for table, blocks in archive.blocks()}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    manifest = write(tmp_path / "b")

    with open_archive(tmp_path / "b") as archive:
        assert content(archive) == ROWS
        assert content(archive) == ROWS
        assert archive.manifest == manifest
    assert manifest.rows == 3


def test_one_changed_byte_anywhere_has_it_refused(tmp_path: Path) -> None:
    write(tmp_path / "b")
    whole = (tmp_path / "b").read_bytes()
    accepted = []
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        (tmp_path / "b").write_bytes(changed)
        try:
            with open_archive(tmp_path / "b"):
                accepted.append(place)
        except BackupError:
            pass

    assert accepted == []


def test_so_has_every_end_that_is_missing_or_too_much(tmp_path: Path) -> None:
    write(tmp_path / "b")
    whole = (tmp_path / "b").read_bytes()
    accepted = []
    for cut in (*(whole[:size] for size in range(len(whole))), whole + b"\n", whole + whole):
        (tmp_path / "b").write_bytes(cut)
        try:
            with open_archive(tmp_path / "b"):
                accepted.append(len(cut))
        except BackupError:
            pass

    assert accepted == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PGDMP", "is not a backup of the Todo API"),
        (b"wellhead-todo backup 2\nx", "was written by a newer version of this program"),
        (b"wellhead-todo backup 1\n1\tAda\n", "was cut short"),
        (b"wellhead-todo backup 1\n%016d %s\n" % (9**15, b"0" * 64), "was changed or damaged"),
    ],
)
def test_the_reason_is_told(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "b").write_bytes(content)

    with pytest.raises(BackupError, match=reason), open_archive(tmp_path / "b"):
        pytest.fail("it was opened")


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="cannot be read: No such"), open_archive(tmp_path / "b"):
        pytest.fail("it was opened")


class TestNewFile:
    def test_it_belongs_to_its_owner_alone(self, tmp_path: Path) -> None:
        write(tmp_path / "b")

        assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o600

    def test_a_file_of_that_name_stays(self, tmp_path: Path) -> None:
        (tmp_path / "b").write_text("precious")

        with pytest.raises(BackupError, match="exists; name another file, or add --overwrite"):
            write(tmp_path / "b")
        assert (tmp_path / "b").read_text() == "precious"

    def test_one_that_was_made_meanwhile_stays(self, tmp_path: Path) -> None:
        with (
            pytest.raises(BackupError, match="exists by now"),
            new_file(tmp_path / "b", overwrite=False),
        ):
            (tmp_path / "b").write_text("precious")

        assert [path.name for path in tmp_path.iterdir()] == ["b"]
        assert (tmp_path / "b").read_text() == "precious"

    def test_one_is_replaced_where_that_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "b").write_text("old")

        with new_file(tmp_path / "b", overwrite=True) as file:
            file.write(b"new")
        assert (tmp_path / "b").read_text() == "new"

    def test_a_failure_leaves_what_there_was(self, tmp_path: Path) -> None:
        (tmp_path / "b").write_text("old")

        def fail_halfway() -> None:
            with new_file(tmp_path / "b", overwrite=True) as file:
                file.write(b"half")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail_halfway()

        assert [path.name for path in tmp_path.iterdir()] == ["b"]
        assert (tmp_path / "b").read_text() == "old"

    def test_a_directory_that_is_missing_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(BackupError, match="No backup was written: No such file or directory"):
            write(tmp_path / "none" / "b")

    def test_a_full_disk_is_told(self) -> None:
        with (
            Path("/dev/full").open("wb", buffering=0) as full,
            pytest.raises(BackupError, match="No backup was written: No space left on device"),
        ):
            ArchiveWriter(full)
