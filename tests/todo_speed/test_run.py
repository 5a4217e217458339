"""A run with slots too short to measure anything, and everything that has to be started for it."""

import asyncio
from pathlib import Path

import pytest

from bench.speed.play import Length
from bench.todo_speed.contestants import (
    BEFORE,
    BY_HAND,
    COMMIT,
    TODO,
    Contestants,
    check_out,
    missing,
)
from bench.todo_speed.rest import SHARED
from bench.todo_speed.result import REST, sized
from bench.todo_speed.routes import BASE
from bench.todo_speed.run import Run

pytestmark = pytest.mark.slow


def test_a_run_has_slots_rows_and_links(public_directory: Path) -> None:
    directory = public_directory / "todo-speed"
    directory.mkdir(mode=0o755)
    said: list[str] = []
    run = Run(Length(1, 1, 0.05, 0.01), said.append, ["link", "rest", "flat"], [100, 200])

    result = run.begin()
    # The code of before is served with a package that tests do not have.
    result.peers.pop(BEFORE.name, None)
    asyncio.run(run.play(result, directory))

    assert {(slot.peer, slot.operation) for slot in result.slots} == {
        *((peer.name, operation) for peer in (TODO, BY_HAND) for operation in ("one", "create")),
        *((sized(size), operation) for size in (100, 200) for operation in BASE),
        *((TODO.name, operation) for operation in REST.operations),
        *((BY_HAND.name, operation) for operation in SHARED),
    }
    assert all(slot.requests > 0 and slot.errors == 0 and slot.cpu > 0 for slot in result.slots)
    assert result.links.keys() == {"5"}
    if "rows read" not in result.left_out:
        assert result.rows_read.keys() == BASE.keys()
        assert all(rows > 0 for each in result.rows_read.values() for rows in each.values())
    assert said[-1].startswith("flat: 8 slots")
    trips = dict.fromkeys(REST.operations, 1)
    assert result.trips == {**trips, "with_api_token": 2, "export": 5}
    assert result.calls[TODO.name].keys() == trips.keys()
    assert result.calls[BY_HAND.name].keys() == {*SHARED, *BASE}


@pytest.mark.skipif(missing(BEFORE) != "", reason=missing(BEFORE) or "it is here")
def test_the_code_of_before_is_served_from_its_commit(tmp_path: Path) -> None:
    check_out(tmp_path)
    launch = Contestants(tmp_path, tmp_path).launch(BEFORE, "postgresql://nowhere")

    assert (tmp_path / "todo" / "src" / "todo" / "start.py").is_file()
    assert launch.environment["PYTHONPATH"].startswith(f"{tmp_path}/src:{tmp_path}/todo/src:")
    assert COMMIT in launch.peer.name
