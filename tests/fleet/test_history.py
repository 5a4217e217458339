"""A history has what each client did, in which order, and how it ended."""

import asyncio

from bench.faults.ledger import Outcome
from bench.fleet.history import (
    Handover,
    History,
    Kind,
    Operation,
    RefusedError,
    UnansweredError,
)


class Kept:
    """Registers in memory, of which some keys fail."""

    def __init__(self) -> None:
        self.values: dict[str, list[int]] = {}
        self.passed_on: list[tuple[int, int]] = []
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def write(self, client: int, key: str, value: int) -> None:
        del client
        await self._answer(key)
        self.values.setdefault(key, []).append(value)

    async def read(self, client: int, key: str) -> int:
        del client
        await self._answer(key)
        return max(self.values.get(key, [0]))

    async def hand_over(self, giver: int, receiver: int) -> None:
        self.passed_on.append((giver, receiver))

    async def _answer(self, key: str) -> None:
        await self.may_end.wait()
        if key == "refused":
            raise RefusedError
        if key == "silent":
            raise UnansweredError


async def test_reads_and_writes_are_recorded_with_what_they_said() -> None:
    history, registers = History(), Kept()
    await history.read(registers, 1, "a")
    await history.write(registers, 1, "a", 5)
    await history.read(registers, 2, "a")

    assert history.operations == [
        Operation(1, "a", Kind.READ, 0, 1, 2),
        Operation(1, "a", Kind.WRITE, 5, 3, 4),
        Operation(2, "a", Kind.READ, 5, 5, 6),
    ]


async def test_failures_are_recorded_as_what_the_client_knows() -> None:
    history, registers = History(), Kept()
    for key in ("refused", "silent"):
        await history.write(registers, 1, key, 5)
        await history.read(registers, 1, key)

    assert [(each.value, each.outcome) for each in history.operations] == [
        (5, Outcome.REFUSED), (0, Outcome.REFUSED), (5, Outcome.UNKNOWN), (0, Outcome.UNKNOWN),
    ]  # fmt: skip
    assert history.outcomes()[Kind.WRITE, Outcome.UNKNOWN] == 1


async def test_operations_of_one_time_overlap() -> None:
    history, registers = History(), Kept()
    registers.may_end.clear()
    slow = asyncio.create_task(history.write(registers, 1, "a", 5))
    await asyncio.sleep(0)
    await history.hand_over(registers, 1, 2)
    registers.may_end.set()
    await slow

    [operation] = history.operations
    assert history.handovers == [Handover(1, 2, given=2, taken=3)]
    assert (operation.began, operation.ended) == (1, 4)
    assert registers.passed_on == [(1, 2)]
