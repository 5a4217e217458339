"""While the database is away: since when, why, and when to try again."""

import logging
import math
import random

from wellhead.errors import Fault
from wellhead.errors.recognition import fault_of

logger = logging.getLogger(__package__)

FIRST_PAUSE = 0.05
"""Seconds between the first failed attempt to connect and the second, without jitter."""

LONGEST_PAUSE = 0.25
"""The longest pause in seconds: one process attempts to connect five times a second."""

LONGEST_PAUSE_FOR_NOBODY = 5.0
"""The same while no caller waits, and connections are only needed for ``min_idle``."""

_PASSING = frozenset(
    {
        Fault.UNREACHABLE,
        Fault.STARTING,
        Fault.CREDENTIALS,
        Fault.TOO_MANY_CONNECTIONS,
        Fault.CONNECTION_LOST,
        Fault.OUT_OF_RESOURCES,
    }
)


def will_pass(error: BaseException) -> bool:
    """Whether another attempt to connect can succeed without any change."""
    return fault_of(error) in _PASSING


class Outage:
    """What is known about a database that cannot be reached.

    Args:
        name: The pool's name.
        memory: Seconds after which a failed attempt is no longer evidence.

    Attributes:
        error: Why the last attempt failed; None while the database is available.
        not_before: When the next attempt may start, by the loop's clock.
        restore_at: The same while no caller waits.
    """

    __slots__ = (
        "_memory", "_name", "_pause", "_pause_for_nobody", "_since", "error", "not_before",
        "restore_at",
    )  # fmt: skip

    def __init__(self, name: str, *, memory: float) -> None:
        self._name = name
        self._memory = memory
        self._since = self._pause = self.not_before = 0.0
        self._pause_for_nobody = 0.0
        self.restore_at = -math.inf
        self.error: BaseException | None = None

    def begin_or_go_on(self, error: BaseException, now: float) -> None:
        """Note a failed attempt, and postpone the next."""
        if self.error is None or self._is_forgotten(now):
            self._since, self._pause = now, FIRST_PAUSE
            logger.warning(
                "pool %r: no connection can be made (%s); trying again while callers wait",
                self._name,
                fault_of(error),
                extra={"event": "pool_outage", "pool": self._name, "fault": str(fault_of(error))},
            )
        else:
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self.error = error
        # Processes that lost the same server must not retry in step.
        self.not_before = now + _jittered(self._pause)
        self.put_off_restoring(now)

    def put_off_restoring(self, now: float) -> None:
        """Postpone the replacement of a connection that was unused; longer each time.

        Otherwise a server that accepts and drops connections would get new ones without a pause.
        """
        if self.restore_at > now:
            return
        pause = self._pause_for_nobody * 2 if now - self.restore_at < self._memory else FIRST_PAUSE
        self._pause_for_nobody = min(pause, LONGEST_PAUSE_FOR_NOBODY)
        self.restore_at = now + _jittered(self._pause_for_nobody)

    def end(self, now: float) -> None:
        """Note a successful connection."""
        if self.error is None:
            return
        self.error = None
        logger.info(
            "pool %r: connected again after %.1f s",
            self._name,
            now - self._since,
            extra={
                "event": "pool_recovered",
                "pool": self._name,
                "seconds": round(now - self._since, 3),
            },
        )

    def lasts(self, seconds: float, now: float) -> bool:
        """Whether the database has been away for this long, as far as attempts show."""
        if self.error is None or self._is_forgotten(now):
            return False
        return now - self._since >= seconds

    def _is_forgotten(self, now: float) -> bool:
        # No attempt was made for so long that the database may have come and gone since.
        return now - self.not_before > self._memory


def _jittered(pause: float) -> float:
    return pause * random.uniform(0.5, 1)  # noqa: S311 - not a secret
