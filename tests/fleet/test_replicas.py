"""Clients on real streaming replicas: what the checker says of several ways to route reads."""

from bench.faults.chance import chance
from bench.faults.ledger import Outcome
from bench.fleet.history import Kind
from bench.fleet.nemesis import Act, Nemesis
from bench.fleet.replicas import Load, judge, play, prepare
from tests.fleet.straight import StraightRegisters
from tests.staging.streaming import Replication


async def test_reads_from_any_standby_are_found_to_be_stale(replication: Replication) -> None:
    await prepare(replication)
    nemesis = Nemesis(replication.standbys, chance(1), [Act.PAUSE, Act.RESUME])
    registers = StraightRegisters(replication, seed=1)
    history = await play(registers, nemesis, Load(acts=2, between=200), seed=1)
    findings = await judge(history, replication.primary)

    assert findings.stale
    assert findings.non_monotonic
    assert not findings.lost


async def test_everything_happens_while_clients_work(replication: Replication) -> None:
    await prepare(replication)
    nemesis = Nemesis(replication.standbys, chance(2))
    history = await play(StraightRegisters(replication, seed=2), nemesis, Load(acts=8), seed=2)

    assert set(nemesis.happened) == set(Act)
    assert history.outcomes()[Kind.READ, Outcome.ACKNOWLEDGED]
    assert history.outcomes()[Kind.WRITE, Outcome.ACKNOWLEDGED]
