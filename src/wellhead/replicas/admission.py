"""Whether a statement may be sent on a connection to a replica, by what is known of it."""

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import Any

from wellhead.pool.connection_state import is_in_transaction, terminate
from wellhead.replicas.position import LogPosition
from wellhead.replicas.seen import Seen
from wellhead.replicas.staleness import Staleness

PATIENCE = 3.0
"""Seconds for a replica to accept a connection, and to say how far it has got."""

FIRST_PAUSE = 0.002
"""Seconds before a replica is asked again; doubled each time."""

_KNOWN = "wellhead_position"


class NotAdmittedError(Exception):
    """A replica cannot serve a statement, which is then sent to the primary.

    Attributes:
        reason: Why the replica is left out for a while; None if another client can use it.
    """

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier statement on a connection has shown.

    Attributes:
        lsn: Every later statement sees what was committed before this position.
        server: The server that it leads to.
        as_of: When, by the monotonic clock, it had all that the primary had.
    """

    lsn: int
    server: str
    as_of: float

    def serves(self, seen: Seen, *, since: float) -> bool:
        """Whether a client may read here, if the state may be as old as that moment."""
        return seen.lsn <= self.lsn and self.as_of >= since and seen.may_read(self.server)


class Admission:
    """Lets statements pass to one replica.

    Args:
        staleness: How old its state may be.
        wait: Seconds to wait for it to replay more.

    Attributes:
        lag: How many seconds old its state was when it was asked last; None if that is not known.
        server: The server that it led to when it was asked last.
    """

    def __init__(self, *, staleness: Staleness, wait: float) -> None:
        self._staleness = staleness
        self._wait = wait
        self._current_at: dict[str, float] = {}
        self.lag: float | None = None
        self.server: str | None = None

    def known(self, info: dict[Any, Any]) -> Known | None:
        """What is known of a connection, by its ``info``."""
        found: Known | None = info.get(_KNOWN)
        return found

    def admitted(self, info: dict[Any, Any], seen: Seen) -> Known | None:
        """What is known of a connection, if a client may read there without a question."""
        known = self.known(info)
        if known is None or not known.serves(seen, since=monotonic() - self._staleness.limit):
            return None
        return known

    async def admit(self, connection: Any, info: dict[Any, Any], seen: Seen) -> Known:
        """Return once a client may read on a connection; asks the server only if it has to.

        Args:
            connection: The driver's.
            info: That of the pool's record of it.
            seen: What the client has seen.

        Raises:
            NotAdmittedError: It may not.
        """
        if (known := self.admitted(info, seen)) is not None:
            return known
        if is_in_transaction(connection):
            # Its snapshot may be older than anything that is asked now.
            raise NotAdmittedError("The transaction began before the client saw more.")
        ends_at, pause = monotonic() + self._wait, FIRST_PAUSE
        while True:
            asked_at = monotonic()
            position = await self._ask(connection)
            if not position.is_standby:
                raise NotAdmittedError("It is not a standby.", reason="not_standby")
            self.server = position.server
            lag = self._lag(position, asked_at)
            # A standby of a standby cannot tell how far behind that one is.
            self.lag = lag if position.lsn >= self._staleness.overdue else None
            is_young = await self._staleness.allows(lag, position.lsn)
            if is_young and lag is not None:
                info[_KNOWN] = known = Known(position.lsn, position.server, asked_at - lag)
                if known.serves(seen, since=known.as_of):
                    return known
            if not seen.may_read(position.server):
                raise NotAdmittedError("The client has read at another replica.")
            if monotonic() + pause > ends_at:
                break
            await asyncio.sleep(pause)
            pause *= 2
        if not is_young:
            raise NotAdmittedError("It is too far behind.", reason="lagging")
        raise NotAdmittedError("It has not replayed what the client has seen.")

    async def _ask(self, connection: Any) -> LogPosition:
        try:
            return await LogPosition.of(connection, timeout=PATIENCE)
        except BaseException as error:
            terminate(connection)
            if isinstance(error, Exception):
                message = "It did not say how far it has got."
                raise NotAdmittedError(message, reason="unavailable") from error
            raise

    def _lag(self, position: LogPosition, asked_at: float) -> float | None:
        if position.lag == 0:
            self._current_at = {position.server: asked_at}
            return 0.0
        current_at = self._current_at.get(position.server)
        lags = [] if position.lag is None else [max(0.0, position.lag)]
        if current_at is not None:
            lags.append(asked_at - current_at)
        return min(lags, default=None)
