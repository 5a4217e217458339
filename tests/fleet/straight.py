"""Registers that are read straight from any standby, as applications without routing do."""

import asyncpg

from bench.faults.chance import chance
from bench.fleet.history import RefusedError, UnansweredError
from bench.fleet.replicas import TABLE
from tests.staging.streaming import Replication, StreamingServer


class StraightRegisters:
    """Writes go to the primary, and reads to a standby of chance; nobody remembers anything.

    Args:
        replication: The servers.
        seed: Decides which standby is read.
    """

    def __init__(self, replication: Replication, *, seed: float) -> None:
        self._replication = replication
        self._rng = chance(seed)

    async def write(self, client: int, key: str, value: int) -> None:
        del client
        insert = f"INSERT INTO {TABLE} VALUES ($1, $2)"  # noqa: S608 - a table of ours
        await _ask(self._replication.primary, insert, key, value)

    async def read(self, client: int, key: str) -> int:
        del client
        greatest = f"SELECT coalesce(max(value), 0) FROM {TABLE} WHERE key = $1"  # noqa: S608 - a table of ours
        return await _ask(self._rng.choice(self._replication.standbys), greatest, key)

    def hand_over(self, giver: int, receiver: int) -> None:
        del giver, receiver


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
