"""Rounds: who gets a slot, and how often."""

from collections.abc import Callable

import pytest

from bench.speed.job import Job, Met
from bench.speed.machine import Moment
from bench.speed.peer import PEERS
from bench.speed.play import Length, play
from bench.speed.server import Server
from bench.speed.setting import Setting

SERVERS = [Server(peer, port, pid=1) for port, peer in enumerate(PEERS[:3])]
READING = Setting(operations=("read",))
LENGTH = Length(rounds=2, most=4, seconds=1.0, warm=0.25)


class PaperLoad:
    """A load that sends nothing."""

    def __init__(self, met: Callable[[Job], Met]) -> None:
        self.jobs: list[Job] = []
        self._met = met

    async def play(self, job: Job) -> Met:
        self.jobs.append(job)
        return self._met(job)


def all_good(job: Job) -> Met:
    return Met(100, 0, 0, job.seconds, 1.0, 2.0, 0.1)


def stuck_at_port_1(job: Job) -> Met:
    return Met(0, 0, 32, job.seconds, 0.0, 0.0, 0.1) if job.port == 1 else all_good(job)


async def clear() -> None:
    pass


@pytest.fixture
def _is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Moment, "now", staticmethod(_clock()))


def _clock(stolen: Callable[[int], int] = lambda _: 0) -> Callable[[], Moment]:
    moments: list[Moment] = []

    def now() -> Moment:
        number = len(moments)
        before = moments[-1].stolen if moments else 0
        moments.append(Moment(float(number), before + stolen(number), 100 * number, {}))
        return moments[-1]

    return now


@pytest.mark.usefixtures("_is_quiet")
async def test_each_round_begins_with_another_peer() -> None:
    slots = await play(READING, SERVERS, LENGTH, PaperLoad(all_good), ours=[1], clear=clear)

    first, second, third = (server.peer.name for server in SERVERS)
    assert [slot.peer for slot in slots] == [first, second, third, second, third, first]
    assert [slot.round for slot in slots] == [0, 0, 0, 1, 1, 1]


@pytest.mark.usefixtures("_is_quiet")
async def test_a_slot_is_warmed_up_before_it_counts() -> None:
    load = PaperLoad(all_good)
    await play(READING, SERVERS[:1], LENGTH, load, ours=[1], clear=clear)

    assert [job.seconds for job in load.jobs] == [0.25, 1.0, 0.25, 1.0]


async def test_dirty_slots_are_played_again_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second slot loses half of its time."""
    monkeypatch.setattr(Moment, "now", staticmethod(_clock(lambda number: 50 * (number == 3))))
    slots = await play(READING, SERVERS[:1], LENGTH, PaperLoad(all_good), ours=[1], clear=clear)
    assert [slot.is_clean for slot in slots] == [True, False, True]

    monkeypatch.setattr(Moment, "now", staticmethod(_clock(lambda _: 50)))
    slots = await play(READING, SERVERS[:1], LENGTH, PaperLoad(all_good), ours=[1], clear=clear)
    assert [slot.is_clean for slot in slots] == [False] * LENGTH.most


@pytest.mark.usefixtures("_is_quiet")
async def test_a_peer_that_is_stuck_gets_no_further_slot() -> None:
    load = PaperLoad(stuck_at_port_1)
    slots = await play(READING, SERVERS, LENGTH, load, ours=[1], clear=clear)

    stuck = SERVERS[1].peer.name
    assert [slot.unanswered for slot in slots if slot.peer == stuck] == [32]
    assert [job.seconds for job in load.jobs if job.port == 1] == [0.25]
    assert len(slots) == 5


def test_many_clients_are_played_with_in_few_rounds() -> None:
    length = Length(rounds=11, most=22, seconds=0.3, warm=0.1)
    many = length.of(Setting(connections=256))

    assert length.of(Setting(connections=32)) == length
    assert (many.rounds, many.most, many.seconds) == (3, 5, 0.3)
