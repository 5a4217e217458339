"""Interleaved rounds: every peer gets its slot in every round, and dirty slots are played again."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

from bench.speed.job import Job, Met
from bench.speed.machine import OTHERS_LIMIT, STEAL_LIMIT, Moment, Span
from bench.speed.server import Server
from bench.speed.setting import BASE, Setting

LEAST_ROUNDS = 3
"""Clean slots of each peer without which nothing is published."""


class Plays(Protocol):
    """The load, or its replacement."""

    async def play(self, job: Job) -> Met:
        """Play a job."""


@dataclass(frozen=True, slots=True)
class Slot:
    """What one peer did in one round.

    Attributes:
        setting: The name of the conditions.
        operation: ``read``, ``write``, or what another benchmark plays.
        peer: The name of the peer.
        round: Which round; slots of one round are neighbours in time.
        requests: Good responses.
        errors: Other ones.
        unanswered: Requests without a response, here or while it was warming up.
        rate: Good responses a second.
        p50: Median time of a request, in milliseconds.
        p99: 99 of 100 took no longer, in milliseconds.
        cpu: CPU time of the server for a request, in milliseconds.
        server_busy: The share of one core that the server used.
        load_busy: The share of one core that the load used.
        steal: The share of its time that the machine did not get.
        others: The share of the machine's time that went to processes of others.
    """

    setting: str
    operation: str
    peer: str
    round: int
    requests: int
    errors: int
    unanswered: int
    rate: float
    p50: float
    p99: float
    cpu: float
    server_busy: float
    load_busy: float
    steal: float
    others: float

    @property
    def is_clean(self) -> bool:
        """Whether the benchmark had the machine to itself."""
        return self.steal <= STEAL_LIMIT and self.others <= OTHERS_LIMIT


@dataclass(frozen=True, slots=True)
class Length:
    """How long it is played.

    Attributes:
        rounds: Clean slots that each peer is to get.
        most: Rounds at the most, the dirty ones included.
        seconds: Of a slot.
        warm: Seconds before a slot, which do not count.
    """

    rounds: int
    most: int
    seconds: float
    warm: float

    def of(self, setting: Setting) -> Self:
        """The same for these conditions."""
        if setting.connections <= BASE.connections:
            return self
        # Each client asks once in any case, for which some peers take seconds.
        return replace(self, rounds=min(self.rounds, LEAST_ROUNDS), most=min(self.most, 5))


async def play(
    setting: Setting,
    servers: Sequence[Server],
    length: Length,
    load: Plays,
    *,
    ours: Collection[int],
    clear: Callable[[], Awaitable[None]],
) -> list[Slot]:
    """All rounds of one setting.

    A peer that leaves requests unanswered gets no further slot for the operation.

    Args:
        setting: The conditions.
        servers: The peers, which are up.
        length: How long.
        load: Asks.
        ours: Processes whose CPU time, and that of all they started, belongs to the benchmark.
        clear: Takes out of the table what was written.
    """
    slots: list[Slot] = []
    for operation in setting.operations:
        clean = dict.fromkeys(servers, 0)
        for number in range(length.most):
            if min(clean.values(), default=length.rounds) >= length.rounds:
                break
            # The first in a round has colder caches.
            turn = number % len(clean)
            for server in [*list(clean)[turn:], *list(clean)[:turn]]:
                slot = await _slot(setting, operation, server, number, length, load, ours)
                slots.append(slot)
                clean[server] += slot.is_clean
                if slot.unanswered:
                    del clean[server]
                if operation != "read":
                    await clear()
    return slots


async def _slot(
    setting: Setting,
    operation: str,
    server: Server,
    number: int,
    length: Length,
    load: Plays,
    ours: Collection[int],
) -> Slot:
    def job(seconds: float) -> Job:
        return Job(server.port, operation, setting.connections, setting.rows, seconds)

    warmed = await load.play(job(length.warm))
    before = Moment.now()
    # A peer that is stuck is not asked again.
    met = warmed if warmed.unanswered else await load.play(job(length.seconds))
    span = Span(before, Moment.now())
    used = span.cpu([server.pid])
    return Slot(
        setting=setting.name,
        operation=operation,
        peer=server.peer.name,
        round=number,
        requests=met.requests,
        errors=met.errors,
        unanswered=met.unanswered,
        rate=met.requests / met.seconds,
        p50=met.p50,
        p99=met.p99,
        cpu=used / max(1, met.requests) * 1000,
        server_busy=used / met.seconds,
        load_busy=met.cpu / met.seconds,
        steal=span.steal,
        others=span.others(ours),
    )
