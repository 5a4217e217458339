"""What became of a transaction whose COMMIT was not answered: the server is asked by its id.

Within one run of a server an id is never given twice, and the answer is sure. A crash can lose the
ids of transactions that had not reached the disk; the server then gives them again, and what it
says of such an id is true of a stranger. So each ticket names the run: when the postmaster
started, and when the statistics began, which crash recovery discards. The second is needed, for a
backend that dies makes the server recover without a new postmaster.

In another run only "not committed" is sure: either the id was never committed, or it was lost and
given to somebody else.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

_RUN = (
    "concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), "
    "(SELECT extract(epoch FROM stats_reset) FROM pg_stat_bgwriter))"
)
_READ_TICKET = text(f"SELECT pg_current_xact_id_if_assigned()::text, {_RUN}")
# Ids from xmax on have not ended, and asking for one that was never given would be an error. Who
# has one holds a lock on it.
_ASK = text(
    "WITH asked AS (SELECT CAST(CAST(:xid AS text) AS xid8) AS xid) "  # noqa: S608 - of constants
    "SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' "
    "WHEN xid < pg_snapshot_xmax(pg_current_snapshot()) THEN pg_xact_status(xid) "
    "WHEN EXISTS (SELECT FROM pg_locks WHERE locktype = 'transactionid' "
    "AND transactionid = CAST(xid AS xid) AND granted) THEN 'in progress' "
    f"ELSE 'not given' END, {_RUN} FROM asked"
)


class Outcome(StrEnum):
    """What became of a transaction."""

    COMMITTED = "committed"
    ROLLED_BACK = "rolled_back"
    PENDING = "pending"
    """The server has not ended it, or cannot tell yet."""

    AMBIGUOUS = "ambiguous"
    """Nobody can tell any more from the id."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What to ask a server by.

    Attributes:
        xid: The transaction's id, or None where it wrote nothing and so has none.
        server_run: From when to when the server's ids mean the same.
    """

    xid: str | None
    server_run: str

    @classmethod
    def read(cls, connection: Connection) -> "Ticket":
        """Read the ticket of the transaction that is open on a connection; one round trip."""
        xid, server_run = connection.execute(_READ_TICKET).one()
        return cls(xid, server_run)

    def judge(self, status: str | None, server_run: str) -> Outcome:
        """Say what the server's word about this id means.

        Args:
            status: What ``pg_xact_status`` said, ``not given`` of an id that nobody has or had,
                ``standby`` from a server that only replays, or None where it has forgotten.
            server_run: The run of the server that said so.
        """
        if status == "standby":
            return Outcome.PENDING
        if status is None:
            return Outcome.AMBIGUOUS
        is_same_run = server_run == self.server_run
        if status == "committed":
            return Outcome.COMMITTED if is_same_run else Outcome.AMBIGUOUS
        if status == "aborted" or (status == "not given" and not is_same_run):
            return Outcome.ROLLED_BACK
        return Outcome.PENDING


async def ask(engine: AsyncEngine, ticket: Ticket) -> Outcome:
    """Ask the server once, on a connection outside any transaction.

    Args:
        engine: Where to ask; its connections commit by themselves.
        ticket: Of which transaction.
    """
    if ticket.xid is None:
        return Outcome.ROLLED_BACK
    async with engine.connect() as connection:
        status, server_run = (await connection.execute(_ASK, {"xid": ticket.xid})).one()
        if status == "not given":
            # It may have ended between the look at what has ended and the look at the locks.
            status, server_run = (await connection.execute(_ASK, {"xid": ticket.xid})).one()
    return ticket.judge(status, server_run)
