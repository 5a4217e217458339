"""Clients of several processes see no less than before, whatever happens to the replicas."""

from contextlib import AsyncExitStack

from bench.faults.chance import chance
from bench.faults.ledger import Outcome
from bench.fleet.history import Kind
from bench.fleet.nemesis import Act, Nemesis
from bench.fleet.replicas import Load, judge, play, prepare
from tests.replicas.registers import MarkedRegisters
from tests.staging.fleet import Fleet


async def test_no_client_sees_less_than_before(fleet: Fleet) -> None:
    await prepare(fleet.replication)
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(fleet.database(replicas=2, replica_wait=0.02))
            for _ in range(2)
        ]
        nemesis = Nemesis(fleet.replication.standbys, chance(3))
        registers = MarkedRegisters(processes, seed=3)
        history = await play(registers, nemesis, Load(acts=10), seed=3)
        findings = await judge(history, fleet.replication.primary)
        reads = sum(each.reads for process in processes for each in process.replica_stats())

    assert not any(findings.counts().values()), findings
    assert set(nemesis.happened) == set(Act)
    assert history.outcomes()[Kind.READ, Outcome.ACKNOWLEDGED]
    assert not history.outcomes()[Kind.READ, Outcome.REFUSED]
    # Replicas served a good part of that.
    assert reads > len(history.operations) / 10
