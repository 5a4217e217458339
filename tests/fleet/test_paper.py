"""What is computed for the page on scale follows from what was measured."""

from dataclasses import replace

import pytest

from bench.fleet.growth.cell import (
    Cell,
    Costs,
    application_time,
    log_bytes,
    positions,
    primary_time,
    replicas_time,
)
from bench.fleet.growth.load import Load
from bench.fleet.growth.metered import Usage
from bench.fleet.growth.paper import Paper
from bench.fleet.growth.report import computed, counted, timed
from bench.fleet.growth.stage import Measured

ALONE = Costs(
    application_write=6.0, application_read=4.0,
    primary_write=1.0, primary_read=0.5,
    replica_write=0.0, replica_read=0.0,
    positions_write=0.0, positions_read=0.0,
    log=1000.0,
)  # fmt: skip
SPREAD = replace(
    ALONE, primary_write=1.5, primary_read=0.0, replica_write=0.1, replica_read=0.5,
    positions_write=1.0, positions_read=0.5,
)  # fmt: skip
PAPER = Paper(ALONE, SPREAD, replicas=2)

LOAD = Load(clients=2, writes=5, reads=4)
IDLE = Usage(round_trips=0, statements=0, positions=0, steady=3, most=3, seconds=0.0)
WRITING = Measured(
    replace(LOAD, reads=0), 4, application=0.1,
    primary=Usage(20, 20, 10, 2, 2, seconds=0.02), replicas=[IDLE, IDLE], wal=5000,
)  # fmt: skip
MIXED = Measured(
    LOAD, 4, application=0.3,
    primary=Usage(30, 30, 15, 2, 2, seconds=0.03),
    replicas=[Usage(20, 20, 4, 3, 4, seconds=0.04), IDLE], wal=5400,
)  # fmt: skip
CELL = Cell(WRITING, MIXED)


def test_what_the_mixed_load_takes_more_was_for_its_reads() -> None:
    assert CELL.per_write(primary_time) == pytest.approx(2)
    assert CELL.per_read(primary_time) == pytest.approx(0.25)
    assert CELL.per_read(replicas_time) == pytest.approx(1)
    assert CELL.per_write(positions) == 1
    assert CELL.per_read(positions) == pytest.approx(9 / 40)
    assert CELL.per_write(log_bytes) == 500


def test_costs_are_medians_and_never_less_than_nothing() -> None:
    dearer = Cell(WRITING, replace(MIXED, application=0.9))
    odd = Cell(WRITING, replace(MIXED, application=0.0))

    assert Costs.of([CELL, dearer, odd]).application_read == pytest.approx(5)
    assert odd.per_read(application_time) == Costs.of([odd]).application_read == 0


def test_processes_send_as_many_requests_as_their_cores_allow() -> None:
    # 6 ms once and 4 ms four times, for five requests.
    assert PAPER.requests_of(10) == pytest.approx(10 * 1000 / 4.4)
    assert PAPER.positions == pytest.approx(0.2 * 1 + 0.8 * 0.5)


@pytest.mark.parametrize(("processes", "largest"), [(10, 49), (100, 4), (497, 1), (498, None)])
def test_a_pool_is_no_larger_than_its_share_of_the_server(
    processes: int, largest: int | None
) -> None:
    assert PAPER.largest_pool_of(processes) == largest


def test_processes_with_pools_of_the_default_size_soon_fill_a_server() -> None:
    assert PAPER.processes_with_default_pools == 497 // 30


def test_a_primary_ends_where_its_cores_do() -> None:
    assert PAPER.requests_at(3) == pytest.approx(3 * 1000 / (0.2 * 1.5))
    assert PAPER.writes_at(3) == pytest.approx(2000)
    assert PAPER.taken_off == pytest.approx(1 - 0.3 / 0.6)


def test_replicas_serve_the_reads_and_replay_the_writes() -> None:
    # 8,000 reads of 0.5 ms, on 3 cores each, of which 2,000 writes of 0.1 ms take 0.2.
    assert PAPER.replicas_at(3) == 2
    assert Paper(ALONE, replace(SPREAD, replica_write=1.6), replicas=2).replicas_at(3) is None


def test_the_log_ends_where_the_network_does() -> None:
    assert PAPER.writes_of_network == pytest.approx(1.25e9 / 2000)


def test_each_table_has_a_cell_for_each_head() -> None:
    for text in (counted([CELL]), timed([CELL]), computed(PAPER)):
        tables = [each.splitlines() for each in text.split("\n\n") if each.startswith("|")]
        for head, *lines in tables:
            assert {line.count("|") for line in lines} == {head.count("|")}
