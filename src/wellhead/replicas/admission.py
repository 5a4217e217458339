"""Whether a statement may be sent on a connection to a replica, by what is known of it."""

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import Any

from wellhead.pool.connection_state import is_in_transaction, terminate
from wellhead.replicas.position import LogPosition
from wellhead.replicas.seen import Seen

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
        fresh_until: Until when, by the monotonic clock, its state is young enough.
    """

    lsn: int
    server: str
    fresh_until: float

    def serves(self, seen: Seen, now: float) -> bool:
        """Whether a client may read here."""
        return seen.lsn <= self.lsn and now <= self.fresh_until and seen.may_read(self.server)


class Admission:
    """Lets statements pass to one replica.

    Args:
        max_lag: Seconds that the replica's state may be old.
        wait: Seconds to wait for it to replay more.

    Attributes:
        lag: How many seconds old its state was when it was asked last; None if that is not known.
        server: The server that it led to when it was asked last.
    """

    def __init__(self, *, max_lag: float, wait: float) -> None:
        self._max_lag = max_lag
        self._wait = wait
        self._current_at: dict[str, float] = {}
        self.lag: float | None = None
        self.server: str | None = None

    def known(self, info: dict[Any, Any]) -> Known | None:
        """What is known of a connection, by its ``info``."""
        found: Known | None = info.get(_KNOWN)
        return found

    async def admit(
        self, connection: Any, info: dict[Any, Any], seen: Seen, *, overdue: int = 0
    ) -> Known:
        """Return once a client may read on a connection; asks the server only if it has to.

        Args:
            connection: The driver's.
            info: That of the pool's record of it.
            seen: What the client has seen.
            overdue: A position of the log that was written longer than ``max_lag`` ago.

        Raises:
            NotAdmittedError: It may not.
        """
        known = self.known(info)
        if known is not None and known.serves(seen, monotonic()):
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
            self.lag = lag = self._lag(position, asked_at, overdue)
            if lag is not None and lag <= self._max_lag:
                fresh_until = asked_at + self._max_lag - lag
                info[_KNOWN] = known = Known(position.lsn, position.server, fresh_until)
                if known.serves(seen, asked_at):
                    return known
            if not seen.may_read(position.server):
                raise NotAdmittedError("The client has read at another replica.")
            if monotonic() + pause > ends_at:
                break
            await asyncio.sleep(pause)
            pause *= 2
        if lag is None or lag > self._max_lag:
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

    def _lag(self, position: LogPosition, asked_at: float, overdue: int) -> float | None:
        if position.lsn < overdue:
            # A standby of a standby cannot tell how far behind that one is.
            return None
        if position.lag == 0:
            self._current_at = {position.server: asked_at}
            return 0.0
        current_at = self._current_at.get(position.server)
        lags = [] if position.lag is None else [max(0.0, position.lag)]
        if current_at is not None:
            lags.append(asked_at - current_at)
        return min(lags, default=None)
