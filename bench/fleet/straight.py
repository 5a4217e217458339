"""Registers that are read straight from any standby, as applications without routing do."""

from collections.abc import Sequence

import asyncpg

from bench.faults.chance import chance
from bench.fleet.history import RefusedError, UnansweredError
from tests.staging.streaming import Standby, StreamingServer


class StraightRegisters:
    """Writes go to the primary, and reads to a standby of chance; nobody remembers anything.

    Args:
        primary: Where is written.
        standbys: Where is read.
        seed: Decides which standby is read.
    """

    def __init__(
        self, primary: StreamingServer, standbys: Sequence[Standby], *, seed: float
    ) -> None:
        self._primary = primary
        self._standbys = standbys
        self._rng = chance(seed)
        self._reads = 0

    async def write(self, client: int, key: str, value: int) -> None:
        """Add a value to a register."""
        del client
        insert = "INSERT INTO register VALUES ($1, $2)"
        await _ask(self._primary, insert, key, value)

    async def read(self, client: int, key: str) -> int:
        """The greatest value of a register, as far as the standby has it."""
        del client
        self._reads += 1
        greatest = "SELECT coalesce(max(value), 0) FROM register WHERE key = $1"
        return await _ask(self._rng.choice(self._standbys), greatest, key)

    async def hand_over(self, giver: int, receiver: int) -> None:
        """There is no mark."""
        del giver, receiver

    def replicas_up(self) -> int:
        """It tries all of them, also those that are down."""
        return len(self._standbys)

    def at_replicas(self) -> int:
        """All of its reads."""
        return self._reads


async def _ask(server: StreamingServer, sql: str, *values: object) -> int:
    try:
        found: int | None = await server.ask(sql, *values)
    except (ConnectionRefusedError, asyncpg.CannotConnectNowError) as error:
        raise RefusedError from error
    # asyncpg raises the last where a connection is lost while a statement is prepared.
    except (
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError,
    ) as error:  # fmt: skip
        raise UnansweredError from error
    return found or 0
