"""Whether a replica gets reads, and when one that was left out is tried again."""

import logging
from collections.abc import Callable
from time import monotonic

from wellhead.retry import doubled

logger = logging.getLogger(__package__)

FIRST_BREAK, LONGEST_BREAK = 1.0, 30.0
"""Seconds until a replica that failed is tried again: doubled with every failure in a row."""


class Availability:
    """Whether one replica gets reads; it does once it was tried.

    Args:
        name: Its name, for log lines.
        clock: Returns the time in seconds; only differences count.

    Attributes:
        is_up: Whether it gets reads.
        reason: Why it does not, if it was tried: ``unavailable``, ``lagging`` or ``not_standby``.
        left_out: How often it was left out for a while.
    """

    def __init__(self, name: str, clock: Callable[[], float] = monotonic) -> None:
        self._name = name
        self._clock = clock
        self._failures = 0
        self._again_at = clock()
        self.is_up = False
        self.reason: str | None = None
        self.left_out = 0

    @property
    def has_failed(self) -> bool:
        """Whether it failed the last time."""
        return self._failures > 0

    @property
    def is_due(self) -> bool:
        """Whether its break is over, so that it can be tried."""
        return not self.is_up and self._clock() >= self._again_at

    def leave_out(self, reason: str, why: str) -> None:
        """Give it no reads for a while.

        Args:
            reason: As above.
            why: What showed it, for the log.
        """
        if not (self.is_up or self.is_due):
            # Another reader has found that out already.
            return
        if self.is_up or not self.has_failed:
            self.left_out += 1
        self._failures += 1
        seconds = doubled(FIRST_BREAK, self._failures, most=LONGEST_BREAK)
        self._again_at, self.reason = self._clock() + seconds, reason
        if self._failures == 1:
            logger.warning(
                "the replica %s gets no reads for %.0f s: %s (%s)",
                self._name,
                seconds,
                reason,
                why,
                extra={"event": "replica_left_out", "replica": self._name, "reason": reason},
            )
        self.is_up = False

    def let_in(self) -> None:
        """Give it reads from now on."""
        if self.has_failed:
            logger.info(
                "the replica %s gets reads again",
                self._name,
                extra={"event": "replica_back", "replica": self._name},
            )
        self.is_up, self._failures, self.reason = True, 0, None
