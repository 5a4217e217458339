"""What many clients wrote and read, for the checks of `consistency`.

A key is a register that keeps every value written to it and shows the greatest. Values are unique
for their key and increase, so that a read says which writes it has seen, and the values that are
left in the end say what became of each write.
"""

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bench.faults.ledger import Outcome


class Kind(StrEnum):
    """What a client did with a register."""

    READ = "read"
    WRITE = "write"


class RefusedError(Exception):
    """The client was told that nothing was done."""


class UnansweredError(Exception):
    """The client was told nothing, or that the outcome is unknown."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One read or write of one client.

    Attributes:
        client: The number of the client.
        key: The register.
        kind: Whether it is read or written.
        value: What was written, or what a read has shown; 0 for an empty register, and for a read
            that failed.
        began: When it was sent, on one clock for the whole history.
        ended: When the client knew the outcome, or gave up.
        outcome: What the client may rely on.
        server: Which server took it, where that is known.
    """

    client: int
    key: str
    kind: Kind
    value: int
    began: float
    ended: float
    outcome: Outcome = Outcome.ACKNOWLEDGED
    server: str | None = None


@dataclass(frozen=True, slots=True)
class Handover:
    """One client passed its mark to another, which must see from then on what the first had seen.

    Attributes:
        giver: The number of the client that passed it on.
        receiver: The number of the client that got it.
        given: When the giver was asked for it; what it sees later is not in it.
        taken: When the receiver had it, on the same clock.
    """

    giver: int
    receiver: int
    given: float
    taken: float


@dataclass(frozen=True, slots=True)
class Promotion:
    """A server became the primary; none but this one may take a write that begins later.

    Attributes:
        server: Its name, as in `Operation.server`.
        at: When it took writes, on the clock of the history.
    """

    server: str
    at: float


class Registers(Protocol):
    """Where clients write and read, with whatever routing is to be checked in between."""

    async def write(self, client: int, key: str, value: int) -> None:
        """Add a value to a register.

        Raises:
            RefusedError: Nothing was done.
            UnansweredError: It may have been done.
        """

    async def read(self, client: int, key: str) -> int:
        """The greatest value of a register; 0 if it is empty.

        Raises:
            RefusedError: The client was told that it cannot be read now.
            UnansweredError: The client was told nothing.
        """

    async def hand_over(self, giver: int, receiver: int) -> None:
        """Give the mark of one client to another, which has done nothing yet."""


@dataclass(slots=True)
class History:
    """The operations of many clients in one event loop, on a clock that counts what happens.

    Attributes:
        operations: What was done, in the order in which it ended.
        handovers: Which marks were passed on.
    """

    operations: list[Operation] = field(default_factory=list)
    handovers: list[Handover] = field(default_factory=list)
    _clock: Callable[[], int] = field(default_factory=lambda: itertools.count(1).__next__)

    async def write(self, registers: Registers, client: int, key: str, value: int) -> None:
        """Write, and record how that ended."""

        async def write() -> int:
            await registers.write(client, key, value)
            return value

        await self._record(client, key, Kind.WRITE, write, otherwise=value)

    async def read(self, registers: Registers, client: int, key: str) -> None:
        """Read, and record what was shown."""

        async def read() -> int:
            return await registers.read(client, key)

        await self._record(client, key, Kind.READ, read, otherwise=0)

    async def hand_over(self, registers: Registers, giver: int, receiver: int) -> None:
        """Give the mark of one client to another, and record it."""
        given = self._clock()
        await registers.hand_over(giver, receiver)
        self.handovers.append(Handover(giver, receiver, given, self._clock()))

    def outcomes(self) -> Counter[tuple[Kind, Outcome]]:
        """How many reads and writes ended in which way."""
        return Counter((each.kind, each.outcome) for each in self.operations)

    async def _record(
        self,
        client: int,
        key: str,
        kind: Kind,
        work: Callable[[], Awaitable[int]],
        *,
        otherwise: int,
    ) -> None:
        began, value, outcome = self._clock(), otherwise, Outcome.ACKNOWLEDGED
        try:
            value = await work()
        except RefusedError:
            outcome = Outcome.REFUSED
        except UnansweredError:
            outcome = Outcome.UNKNOWN
        ended = self._clock()
        self.operations.append(Operation(client, key, kind, value, began, ended, outcome))
