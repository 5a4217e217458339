"""Clients on real streaming replicas: what the checks find in several ways to route reads."""

import pytest

from bench.faults.ledger import Outcome
from bench.fleet.history import Kind
from bench.fleet.nemesis import Act
from bench.fleet.replicas import Load
from bench.fleet.routing import (
    ANYTHING,
    CASCADE,
    Scenario,
    Tally,
    straight,
    wellhead,
    without_position,
    without_server,
)
from tests.staging.streaming import Replication

PAUSED_ONCE = Scenario("paused once", (Act.PAUSE, Act.RESUME))
FOR_LONG = Load(acts=2, between=300)


@pytest.mark.parametrize("scenario", [ANYTHING, CASCADE], ids=["two standbys", "a cascade"])
async def test_wellhead_breaks_no_promise_whatever_happens_to_replicas(
    replication: Replication, scenario: Scenario
) -> None:
    tally = Tally()
    await tally.add(replication, wellhead, scenario, Load(), seed=1)

    assert set(tally.acts) == set(scenario.acts)
    assert tally.findings.total() == 0
    assert tally.failed == 0
    assert {kind for kind, _ in tally.operations} == set(Kind)
    assert tally.at_replicas


async def test_without_the_check_of_the_position_reads_are_stale(replication: Replication) -> None:
    tally = Tally()
    await tally.add(replication, without_position, PAUSED_ONCE, FOR_LONG, seed=2)

    assert tally.findings["stale"]
    assert tally.failed == 0


async def test_without_the_check_of_the_server_reads_are_not_monotonic(
    replication: Replication,
) -> None:
    tally = Tally()
    await tally.add(replication, without_server, PAUSED_ONCE, FOR_LONG, seed=5)

    assert tally.findings["non_monotonic"]
    assert not tally.findings["stale"]


async def test_reads_from_any_standby_are_stale_and_not_monotonic(
    replication: Replication,
) -> None:
    tally = Tally()
    await tally.add(replication, straight, PAUSED_ONCE, FOR_LONG, seed=3)

    assert tally.findings["stale"]
    assert tally.findings["non_monotonic"]
    assert not tally.findings["lost"]


async def test_reads_fail_while_a_standby_is_down_that_is_not_read_around(
    replication: Replication,
) -> None:
    tally = Tally()
    killed = Scenario("killed", (Act.KILL, Act.START))
    await tally.add(replication, straight, killed, Load(acts=3), seed=4)

    assert tally.operations[Kind.READ, Outcome.REFUSED]
