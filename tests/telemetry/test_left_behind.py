"""What workers leave behind when they end."""

import json
from pathlib import Path

import pytest

from wellhead.telemetry.left_behind import MOST_APART, LeftBehind


@pytest.fixture
def left(tmp_path: Path) -> LeftBehind:
    return LeftBehind(tmp_path, sum)


def test_what_a_worker_told_last_stays(left: LeftBehind) -> None:
    left.write("1-a", 10)
    left.write("1-a", 12)
    left.write("2-b", 5)

    assert sorted(left.read(without={"3-c"})) == [5, 12]
    assert left.read(without={"1-a"}) == [5]


def test_many_are_added_up(left: LeftBehind, tmp_path: Path) -> None:
    for number in range(MOST_APART + 1):
        left.write(f"{number}-a", 2**number)
    before = sum(left.read(without=()))
    after = left.read(without=())

    assert before == 2 ** (MOST_APART + 1) - 1
    assert after == [before]
    assert list(tmp_path.glob("*.told")) == []


def test_one_that_is_silent_is_not_added_up_with_those_that_have_ended(
    left: LeftBehind, tmp_path: Path
) -> None:
    for number in range(MOST_APART + 2):
        left.write(f"{number}-a", 1)
    left.read(without={"0-a"})

    assert left.read(without={"0-a"}) == [MOST_APART + 1]
    assert [each.name for each in tmp_path.glob("*.told")] == ["0-a.told"]


def test_one_that_was_added_up_counts_once(left: LeftBehind, tmp_path: Path) -> None:
    # A reader that has read it just before, or a crash before it was removed.
    left.write("1-a", 7)
    (tmp_path / "ended.json").write_text(json.dumps({"workers": ["1-a"], "told": 7}))

    assert left.read(without=()) == [7]


def test_a_file_that_is_not_whole_is_left_out(left: LeftBehind, tmp_path: Path) -> None:
    (tmp_path / "1-a.told").write_text("[1, ")
    left.write("2-b", 5)

    assert left.read(without=()) == [5]
