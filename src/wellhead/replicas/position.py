"""How far a server has got, asked on a connection to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import asyncpg

from wellhead.pool.connection_state import hang_up_after

# The server is known by when and where it started, as its clock and its address say: a restart
# makes it another one, because it may come back at an earlier position. A standby that has replayed
# all that it received is as current as its upstream, as long as a walreceiver runs. Otherwise its
# last commit says how far behind it is, at most. Every role may call these functions.
_QUESTION = """
    SELECT pg_catalog.pg_is_in_recovery(),
        pg_catalog.pg_wal_lsn_diff(CASE
            WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
            ELSE pg_catalog.pg_current_wal_insert_lsn()
        END, '0/0')::bigint,
        CASE
            WHEN NOT pg_catalog.pg_is_in_recovery() THEN 0
            WHEN pg_catalog.pg_last_wal_replay_lsn() >= pg_catalog.pg_last_wal_receive_lsn()
                AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver) THEN 0
            ELSE extract(epoch FROM
                pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp())
        END::float8,
        pg_catalog.left(pg_catalog.md5(pg_catalog.concat_ws(' ',
            extract(epoch FROM pg_catalog.pg_postmaster_start_time()),
            pg_catalog.inet_server_addr(), pg_catalog.inet_server_port(),
            pg_catalog.current_setting('port'))), 12)
"""


@dataclass(frozen=True, slots=True)
class LogPosition:
    """How far a server has got.

    Attributes:
        is_standby: Whether it replays the log of another server.
        lsn: Up to where a standby has replayed the log, so that every later statement sees what
            was committed before; of a primary, up to where the log is written, so that no earlier
            statement saw more.
        lag: How many seconds old its state is, at most, as far as it knows; None if it does not.
        server: Identifies the server from its start to its end.
    """

    is_standby: bool
    lsn: int
    lag: float | None
    server: str

    @classmethod
    async def of(cls, connection: Any, *, timeout: float) -> Self:
        """Ask a driver's connection; one round trip, two if asyncpg has not prepared it yet.

        After any exception the connection is unusable.

        Args:
            connection: Free, and outside a transaction.
            timeout: Seconds.

        Raises:
            Exception: There was no response in time, or the connection is broken.
        """
        row = await _row(connection, timeout=timeout)
        return cls(bool(row[0]), int(row[1]), None if row[2] is None else float(row[2]), row[3])


async def _row(connection: Any, *, timeout: float) -> Sequence[Any]:
    if isinstance(connection, asyncpg.Connection):
        found: Sequence[Any] | None = await connection.fetchrow(_QUESTION, timeout=timeout)
    else:
        found = await _psycopg_row(connection, timeout=timeout)
    assert found is not None  # noqa: S101 - the question has no FROM
    return found


async def _psycopg_row(connection: Any, *, timeout: float) -> Sequence[Any] | None:
    # As in a ping: without autocommit it would begin a transaction, and a cancellation would wait.
    autocommit = connection.autocommit
    with hang_up_after(connection, timeout):
        await connection.set_autocommit(True)
        cursor = await connection.execute(_QUESTION)
        row: Sequence[Any] | None = await cursor.fetchone()
        await connection.set_autocommit(autocommit)
    return row
