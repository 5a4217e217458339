"""How old what a replica shows may be: older only while the primary cannot be reached."""

from collections import deque
from time import monotonic

from wellhead.errors import Fault
from wellhead.health.health import Health

_OBSERVATIONS = 8
"""How many positions of the primary are noted within the time that they are kept."""

_AWAY = frozenset({Fault.UNREACHABLE, Fault.STARTING})


class Observations:
    """Positions of the primary, to know which of them every replica has to have passed by now.

    Args:
        age: Seconds after which a replica has to have passed one.
    """

    def __init__(self, age: float) -> None:
        self._age = age
        self._observed: deque[tuple[float, int]] = deque()
        self._overdue = 0

    def note(self, lsn: int) -> None:
        """Note the primary's present position."""
        now = monotonic()
        if not self._observed or now - self._observed[-1][0] >= self._age / _OBSERVATIONS:
            self._observed.append((now, lsn))

    @property
    def overdue(self) -> int:
        """The position that was written longer ago than the age."""
        too_long_ago = monotonic() - self._age
        while self._observed and self._observed[0][0] <= too_long_ago:
            self._overdue = max(self._overdue, self._observed.popleft()[1])
        return self._overdue


class Staleness:
    """The limit for the age of a replica's state.

    A standby without a primary gets no news, and so its state becomes older by the second although
    nothing is written anywhere. That must not end the reads for which there are replicas. Whether a
    client sees what it has seen before is not decided here, but by the position.

    Args:
        max_lag: Seconds while the primary can be reached.
        outage_lag: Seconds while it cannot be reached; at least ``max_lag``.
        primary: What is known about the primary.
    """

    def __init__(self, *, max_lag: float, outage_lag: float, primary: Health) -> None:
        self._max_lag = max_lag
        self._outage_lag = outage_lag
        self._primary = primary
        self._written = Observations(max_lag)
        self._written_long_ago = Observations(outage_lag)

    def note(self, lsn: int) -> None:
        """Note the primary's present position."""
        self._written.note(lsn)
        self._written_long_ago.note(lsn)

    @property
    def limit(self) -> float:
        """Seconds that a replica's state may be old now; never waits."""
        return self._outage_lag if self._is_known_to_be_away() else self._max_lag

    @property
    def overdue(self) -> int:
        """The position of the log that was written longer than ``max_lag`` ago.

        A standby of a standby cannot tell how far behind that one is.
        """
        return self._written.overdue

    async def allows(self, lag: float | None, lsn: int) -> bool:
        """Whether a replica may be read whose state is so old.

        Waits only for one that is too old while the primary responds: the primary is asked then.

        Args:
            lag: Seconds, as far as the replica knows; None if it does not.
            lsn: Up to where it has replayed the log.
        """
        if lag is None or lag > self._outage_lag or lsn < self._written_long_ago.overdue:
            return False
        if lag <= self._max_lag and lsn >= self.overdue:
            return True
        return self._is_known_to_be_away() or (await self._primary.ask()).fault in _AWAY

    def _is_known_to_be_away(self) -> bool:
        if self._primary.known().fault not in _AWAY:
            return False
        # So that it is noticed when the primary is back, although nobody writes.
        self._primary.ask_if_due()
        return True
